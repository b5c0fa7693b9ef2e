# The steps of .ci/run, one by one. `just` alone lists them.

export INSTA_UPDATE := env("INSTA_UPDATE", "no")

_default:
    @just --list

# Talk with the bot in this terminal
chat *arguments:
    cargo run -- chat {{ arguments }}

# Is everything formatted?
fmt:
    cargo fmt --all --check

# Lints; a warning is an error
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo check --package cortex --no-default-features --locked

# The documentation; a warning is an error
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# All tests, or those whose names contain a word
test *filter:
    cargo test --workspace --locked {{ filter }}

# Everything that must hold before a change goes in
ci:
    .ci/run
