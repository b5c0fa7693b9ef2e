//! A guess at what a file is that holds no text, by its first bytes.

/// The first bytes of kinds that people have in their folders.
const KINDS: [(&[u8], &str); 16] = [
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"OggS", "an Ogg recording"),
    (b"ID3", "an MP3 recording"),
    (b"RIFF", "a WebP image, a WAV recording or an AVI film"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
];

/// What the bytes are, unless they are UTF-8 text.
pub(super) fn of_binary(bytes: &[u8]) -> Option<&'static str> {
    let has_zeros = bytes.contains(&0);
    if !has_zeros && std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let known = KINDS
        .iter()
        .find(|(start, _)| bytes.starts_with(start))
        .map(|(_, kind)| *kind);
    let film = bytes.get(4..8) == Some(b"ftyp");
    Some(match known {
        Some(kind) => kind,
        None if film => "an MP4 film or recording",
        None if has_zeros => "binary data",
        None => "text in another encoding, or binary data",
    })
}
