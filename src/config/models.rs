//! `[models.NAME]`: the models the daemon can call.

use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// A local model on a modest machine may first have to be read from disk.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_mins(2);
/// Between two pieces of an answer even a slow model needs less.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Enough to get over a hiccup; more would make people wait for an error.
const RETRIES: u32 = 2;

/// A model and how to reach it.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// The wire it is called by, with what only that wire needs.
    pub kind: ModelKind,
    /// The provider's name of the model.
    pub model: String,
    /// The most tokens of an answer; the provider's limit where absent.
    pub max_output_tokens: Option<u32>,
    /// The most tokens of conversation and answer together; unknown where absent.
    pub context_tokens: Option<u32>,
    /// As providers define it; the provider's default where absent.
    pub temperature: Option<f32>,
    /// The most rounds of a turn with this model; the smallest of all such limits holds.
    pub max_rounds: Option<u32>,
    /// How long to wait for the first byte of an answer.
    pub first_byte_timeout: Duration,
    /// How long to wait for the next piece of an answer.
    pub idle_timeout: Duration,
    /// How often a failed call is made again before the failure is told.
    pub retries: u32,
    /// What it costs, where that is known.
    pub prices: Option<Prices>,
}

impl ModelSettings {
    /// A model with the defaults of all that can be left out.
    pub fn new(kind: ModelKind, model: impl Into<String>) -> Self {
        Self {
            kind,
            model: model.into(),
            max_output_tokens: None,
            context_tokens: None,
            temperature: None,
            max_rounds: None,
            first_byte_timeout: FIRST_BYTE_TIMEOUT,
            idle_timeout: IDLE_TIMEOUT,
            retries: RETRIES,
            prices: None,
        }
    }
}

/// The wire that a model is called by.
#[derive(Clone, Debug)]
pub enum ModelKind {
    /// Chat completions as `OpenAI` defined them, which most hosts speak.
    OpenAi(OpenAiSettings),
    /// The built-in stand-in: needs no network and no key.
    Demo,
}

/// A host of chat completions.
#[derive(Clone, Debug)]
pub struct OpenAiSettings {
    /// Where its API begins: http or https, without user, query or fragment.
    pub base_url: Url,
    /// What is peculiar about it.
    pub host: ModelHost,
    /// Its key; many local hosts need none.
    pub api_key: Option<SecretString>,
}

/// What is peculiar about a host of chat completions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ModelHost {
    /// Nothing.
    #[default]
    Standard,
    /// Open `WebUI`, whose endpoints live under `/api`.
    OpenWebUi,
}

/// What tokens cost, exactly: millionths of the currency for a million tokens, so that 0.15 is 150,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// For tokens that the model reads.
    pub prompt_micros_per_million: u64,
    /// For tokens that it writes.
    pub completion_micros_per_million: u64,
}
