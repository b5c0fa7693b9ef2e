//! `[models.NAME]`: the models the daemon can call.

use super::reader::{Section, Value};
use super::words;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;
use url::Url;

/// A local model on a modest machine may first have to be read from disk.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_mins(2);
/// Between two pieces of an answer even a slow model needs less.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Enough to get over a hiccup; more would make people wait for an error.
const RETRIES: u32 = 2;
/// More would hold a turn up for longer than anybody waits.
const RETRIES_RANGE: RangeInclusive<u32> = 0..=10;
/// What providers take.
pub(super) const TEMPERATURES: RangeInclusive<f32> = 0.0..=2.0;
/// Past any model there is.
pub(super) const TOKENS: RangeInclusive<u32> = 1..=100_000_000;
/// The demo model's own name.
const DEMO_MODEL: &str = "demo";
/// Decimals of a price; the smallest part is a millionth.
const PRICE_DECIMALS: usize = 6;

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

/// Reads all of `[models]`.
pub(super) fn read_all(models: Vec<(&str, Section<'_>)>) -> BTreeMap<String, ModelSettings> {
    models
        .into_iter()
        .map(|(name, section)| (name.to_owned(), ModelSettings::read(section)))
        .collect()
}

#[derive(Clone, Copy)]
enum Wire {
    OpenAi,
    Demo,
}

impl ModelSettings {
    fn read(mut section: Section<'_>) -> Self {
        let wires = [("openai", Wire::OpenAi), ("demo", Wire::Demo)];
        let wire = section.require("kind", "it must be \"openai\" or \"demo\"", |value| value.choice(&wires));
        let kind = wire.and_then(|wire| ModelKind::read(wire, &mut section));
        let model = match wire {
            Some(Wire::Demo) => Some(section.read("model", Value::nonblank).unwrap_or(DEMO_MODEL)),
            _ => section.require("model", "write the provider's name of the model", Value::nonblank),
        };
        let settings = Self {
            kind: kind.unwrap_or(ModelKind::Demo),
            model: model.unwrap_or_default().to_owned(),
            max_output_tokens: section.read("max_output_tokens", |value| value.integer(TOKENS)),
            context_tokens: section.read("context_tokens", |value| value.integer(TOKENS)),
            temperature: section.read("temperature", |value| value.number(TEMPERATURES)),
            max_rounds: section.read("max_rounds", |value| value.integer(super::engine::ROUNDS)),
            first_byte_timeout: section
                .read("first_byte_timeout", Value::duration)
                .unwrap_or(FIRST_BYTE_TIMEOUT),
            idle_timeout: section.read("idle_timeout", Value::duration).unwrap_or(IDLE_TIMEOUT),
            retries: section
                .read("retries", |value| value.integer(RETRIES_RANGE))
                .unwrap_or(RETRIES),
            prices: Prices::read(&mut section),
        };
        settings.check_tokens(&section);
        if wire.is_some() {
            // Which keys there are depends on the kind; without one, none can be called unknown.
            section.finish();
        }
        settings
    }

    fn check_tokens(&self, section: &Section<'_>) {
        if let (Some(output), Some(context)) = (self.max_output_tokens, self.context_tokens)
            && output >= context
        {
            section.complain_about(
                "max_output_tokens",
                "leaves no room for the conversation",
                format!("it must be below `context_tokens`, which is {context}"),
            );
        }
    }
}

impl ModelKind {
    fn read(wire: Wire, section: &mut Section<'_>) -> Option<Self> {
        match wire {
            Wire::Demo => Some(Self::Demo),
            Wire::OpenAi => OpenAiSettings::read(section).map(Self::OpenAi),
        }
    }
}

impl OpenAiSettings {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        let hosts = [("standard", ModelHost::Standard), ("openwebui", ModelHost::OpenWebUi)];
        let address = "write where the API begins, such as \"http://localhost:11434/v1\" or \"https://api.openai.com/v1\"";
        let base_url = section.require("base_url", address, |value| {
            value.web_address("http://localhost:11434/v1", "api_key")
        });
        let host = section.read("host", |value| value.choice(&hosts)).unwrap_or_default();
        let api_key = section.read("api_key", Value::secret);
        let settings = Self {
            base_url: base_url?,
            host,
            api_key,
        };
        if settings.api_key.is_some() && settings.base_url.scheme() == "http" && !is_this_machine(&settings.base_url) {
            section.warn_about("api_key", "is sent unencrypted to another machine", "use https in `base_url`");
        }
        Some(settings)
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl Prices {
    fn read(section: &mut Section<'_>) -> Option<Self> {
        const PROMPT: &str = "price_per_million_prompt";
        const COMPLETION: &str = "price_per_million_completion";
        let prompt = section.value(PROMPT);
        let completion = section.value(COMPLETION);
        if prompt.is_some() != completion.is_some() {
            let missing = if prompt.is_none() { PROMPT } else { COMPLETION };
            section.complain_about(missing, "is missing", "give both prices or none");
        }
        let prompt = prompt.as_ref().and_then(price);
        let completion = completion.as_ref().and_then(price);
        Some(Self {
            prompt_micros_per_million: prompt?,
            completion_micros_per_million: completion?,
        })
    }
}

fn price(value: &Value<'_>) -> Option<u64> {
    let text = match value.raw {
        toml::de::DeValue::Float(float) => float.as_str(),
        toml::de::DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
        _ => {
            value.complain_of_type("a number such as 0.15, without quotes");
            return None;
        }
    };
    let micros = micros(text);
    if micros.is_none() {
        value.complain(
            format!("{} is no price", words::quoted(text)),
            format!("it must be a number from 0 to 1000000 with at most {PRICE_DECIMALS} decimals"),
        );
    }
    micros
}

/// Millionths, read from the digits: a float in between would not be exact.
fn micros(text: &str) -> Option<u64> {
    const LARGEST: u64 = 1_000_000 * 1_000_000;
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if decimals.len() > PRICE_DECIMALS || !all_digits(decimals) || !all_digits(whole) {
        return None;
    }
    let digits = format!("{whole}{decimals:0<PRICE_DECIMALS$}");
    digits.parse().ok().filter(|micros| *micros <= LARGEST)
}
