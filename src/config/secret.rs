//! Secrets: written plainly, or named by a file, an environment variable or a systemd credential; read while loading.
//!
//! Nothing here puts a secret, or a word that might be one in the wrong place, into a message.

use super::reader::Value;
use secrecy::SecretString;
use std::path::{Path, PathBuf};

/// No key or token comes near this; a larger file is the wrong one.
const LARGEST_FILE_BYTES: u64 = 64 * 1024;
/// systemd puts a service's credentials into the folder that this names.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

impl Value<'_> {
    /// A secret, read from where the config says it is.
    pub(super) fn secret(&self) -> Option<SecretString> {
        if let Some(text) = self.raw.as_str() {
            *self.report.holds_secret.borrow_mut() = true;
            return self.checked_secret(text, "the value");
        }
        if self.raw.is_table() {
            return self.secret_elsewhere();
        }
        self.complain_of_type("a string, { file = \"PATH\" }, { env = \"VARIABLE\" } or { credential = \"NAME\" }");
        None
    }

    fn secret_elsewhere(&self) -> Option<SecretString> {
        let mut section = self.section(self.key.clone());
        let file = section.value("file");
        let variable = section.value("env");
        let credential = section.value("credential");
        section.finish();
        match (file, variable, credential) {
            (Some(file), None, None) => file.secret_in_file(&file.path()?),
            (None, Some(variable), None) => variable.secret_in_environment(),
            (None, None, Some(credential)) => credential.secret_in_credential(),
            _ => {
                self.complain(
                    "must say where the secret is",
                    "give exactly one of `file`, `env` and `credential`",
                );
                None
            }
        }
    }

    fn secret_in_environment(&self) -> Option<SecretString> {
        let name = self.nonblank()?;
        let usual = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        // A person may have put the key itself here by mistake; only what looks like a variable is repeated.
        let shown = if name.chars().all(usual) {
            format!("the variable {name}")
        } else {
            "the named variable".to_owned()
        };
        let Some(text) = self.report.environment.var(name) else {
            self.complain(format!("{shown} is not set"), "set it where the daemon is started");
            return None;
        };
        self.checked_secret(&text, &shown)
    }

    fn secret_in_credential(&self) -> Option<SecretString> {
        let name = self.nonblank()?;
        if name.contains(['/', '\0']) || name.starts_with('.') {
            self.complain(
                "is no name of a credential",
                "write the NAME of systemd's LoadCredential=NAME:PATH",
            );
            return None;
        }
        let Some(folder) = self
            .report
            .environment
            .var(CREDENTIALS_DIRECTORY)
            .filter(|folder| !folder.is_empty())
        else {
            self.complain(
                format!("{CREDENTIALS_DIRECTORY} is not set"),
                "start the daemon as a systemd service with LoadCredential=, or use `file` or `env`",
            );
            return None;
        };
        self.secret_in_file(&PathBuf::from(folder).join(name))
    }

    fn secret_in_file(&self, path: &Path) -> Option<SecretString> {
        let shown = path.display();
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_file() && metadata.len() <= LARGEST_FILE_BYTES => metadata,
            Ok(_) => {
                self.complain(
                    format!("{shown} is no small file"),
                    "name a file that holds the secret and nothing else",
                );
                return None;
            }
            Err(error) => {
                self.complain(format!("{shown} cannot be read ({error})"), "create it or correct the path");
                return None;
            }
        };
        if is_readable_by_all(&metadata) {
            self.warn(format!("{shown} can be read by every user of this machine"), "chmod 600 it");
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.complain(
                    format!("{shown} cannot be read ({error})"),
                    "let the daemon's user read it, as text",
                );
                return None;
            }
        };
        self.report.secret_files.borrow_mut().push(path.to_owned());
        self.checked_secret(&text, &shown.to_string())
    }

    fn checked_secret(&self, text: &str, place: &str) -> Option<SecretString> {
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.trim().is_empty() {
            self.complain(
                format!("{place} is empty"),
                "a secret must not be empty; leave the key out where none is needed",
            );
            return None;
        }
        if secret.contains(|c: char| c.is_control() || c.is_whitespace()) {
            self.complain(
                format!("{place} contains white space or control characters"),
                "a secret is one line without blanks; only a newline at its end is ignored",
            );
            return None;
        }
        Some(SecretString::from(secret))
    }
}

/// Whether the file's mode lets everybody read it.
#[cfg(unix)]
pub(super) fn is_readable_by_all(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o004 != 0
}

/// Whether the file's mode lets everybody read it; unknown on this system.
#[cfg(not(unix))]
pub(super) fn is_readable_by_all(_metadata: &std::fs::Metadata) -> bool {
    false
}
