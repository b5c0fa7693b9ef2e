//! Whether tests run in their long form: `CORTEX_LONG=1`.

/// How many times as many cases a property is tried with.
const MORE: u32 = 50;

/// Whether it is a long run, by hand.
pub fn is_long() -> bool {
    std::env::var_os("CORTEX_LONG").is_some_and(|long| !long.is_empty() && long != "0")
}

/// With how many cases a property is tried that usually is with so many.
pub fn cases(usual: u32) -> u32 {
    if is_long() { usual * MORE } else { usual }
}
