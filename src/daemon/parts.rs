//! From settings to parts: tools, profiles, users, and what the router needs to know.

use crate::clock::Clock;
use crate::config::{self, ConfirmOverride, ModelKind, Settings};
use crate::contested::Contested;
use crate::delivery::PacerHandle;
use crate::domain::TurnId;
use crate::engine::{Engine, EngineLimits, Profile};
use crate::gate::Policy;
use crate::models::demo::{DEMO_WORD_DELAY, Demo};
use crate::models::openai::{self, OpenAi};
use crate::models::{self, ModelClient};
use crate::store::{DeclaredUser, RouterSettings, Store};
use crate::tools::{self, Folders, Registry};
use crate::turn::TurnEvent;
use cortex_chat::{Connector, ConnectorName};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::broadcast;

/// Why the parts cannot be built. For the operator.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A folder of the file tools.
    #[error("the folders of the file tools cannot be used: {0}")]
    Folders(#[from] tools::FoldersError),
    /// A model.
    #[error(transparent)]
    Model(#[from] openai::SettingsError),
    /// The HTTP client.
    #[error("no HTTP client can be made: {0}")]
    Http(String),
    /// A profile without its model.
    #[error("the profile {profile} names the model {model}, which there is not")]
    NoModel {
        /// The profile.
        profile: String,
        /// What it names.
        model: String,
    },
}

pub(super) struct Parts {
    pub(super) users: Vec<DeclaredUser>,
    registry: Arc<Registry>,
    profiles: BTreeMap<String, Profile>,
}

/// The names of the tools that come with the daemon, for checking a config that names them.
pub fn known_tools() -> Vec<&'static str> {
    vec!["time_now", "file_list", "file_read", "file_search", "file_write"]
}

/// Makes the clients of the models in the settings. Clients that need TLS share one HTTP client, since the system's certificates
/// cost memory; those that do not share a light one.
pub fn model_clients(settings: &Settings) -> Result<BTreeMap<String, Arc<dyn ModelClient>>, BuildError> {
    let mut clients: BTreeMap<String, Arc<dyn ModelClient>> = BTreeMap::new();
    let mut shared = SharedHttp::default();
    for (name, model) in &settings.models {
        let client: Arc<dyn ModelClient> = match &model.kind {
            ModelKind::Demo => Arc::new(Demo::new(name, DEMO_WORD_DELAY)),
            ModelKind::OpenAi(host) => {
                let http = shared.get(host.base_url.scheme() == "https")?;
                Arc::new(OpenAi::with_http(openai_settings(name, model, host), http)?)
            }
        };
        clients.insert(name.clone(), client);
    }
    Ok(clients)
}

#[derive(Default)]
struct SharedHttp {
    with_tls: Option<reqwest::Client>,
    without_tls: Option<reqwest::Client>,
}

impl SharedHttp {
    fn get(&mut self, tls: bool) -> Result<reqwest::Client, BuildError> {
        let timeout = openai::Timeouts::default().connect;
        let slot = if tls { &mut self.with_tls } else { &mut self.without_tls };
        if let Some(client) = slot {
            return Ok(client.clone());
        }
        let made = if tls {
            models::http_client(timeout)
        } else {
            models::http_client_without_tls(timeout)
        };
        let client = made.map_err(|error| BuildError::Http(error.without_url().to_string()))?;
        *slot = Some(client.clone());
        Ok(client)
    }
}

fn openai_settings(name: &str, model: &config::ModelSettings, host: &config::OpenAiSettings) -> openai::Settings {
    let mut settings = openai::Settings::new(name, host.base_url.clone(), model.model.clone());
    settings.host = match host.host {
        config::ModelHost::Standard => openai::Host::Standard,
        config::ModelHost::OpenWebUi => openai::Host::OpenWebUi,
    };
    settings.api_key.clone_from(&host.api_key);
    settings.max_output_tokens = model.max_output_tokens;
    settings.timeouts.headers = model.first_byte_timeout;
    settings.timeouts.idle = model.idle_timeout;
    settings.retry.retries = model.retries;
    settings
}

impl Parts {
    pub(super) fn build(
        settings: &Settings,
        models: &BTreeMap<String, Arc<dyn ModelClient>>,
        clock: &Clock,
    ) -> Result<Self, BuildError> {
        let registry = Arc::new(registry(settings, clock)?);
        let mut profiles = BTreeMap::new();
        for (name, profile) in &settings.profiles {
            let missing = || BuildError::NoModel {
                profile: name.clone(),
                model: profile.model.clone(),
            };
            let client = models.get(&profile.model).ok_or_else(missing)?;
            let model = settings.models.get(&profile.model);
            let rounds = [
                Some(settings.engine.max_rounds),
                profile.max_rounds,
                model.and_then(|model| model.max_rounds),
            ];
            let mut system = settings.engine.system_prompt.clone();
            if !profile.system_append.is_empty() {
                system = format!("{system}\n\n{}", profile.system_append);
            }
            let made = Profile {
                model: Arc::clone(client),
                system,
                tools: profile.tools.clone(),
                max_rounds: rounds.into_iter().flatten().min().unwrap_or(settings.engine.max_rounds),
                temperature: profile.temperature.or_else(|| model.and_then(|model| model.temperature)),
                max_output_tokens: model.and_then(|model| model.max_output_tokens),
                prices: model.and_then(|model| model.prices),
                inject_datetime: profile.inject_datetime,
                inject_mode: profile.inject_mode,
            };
            profiles.insert(name.clone(), made);
        }
        Ok(Self {
            users: users(settings),
            registry,
            profiles,
        })
    }

    pub(super) fn router_settings(
        &self,
        settings: &Settings,
        connectors: &[Connector],
        contested: Contested,
    ) -> RouterSettings {
        let label = self
            .profiles
            .get(config::CHAT_PROFILE)
            .map(|profile| profile.model.identity().label.clone());
        RouterSettings {
            keywords: settings.gate.keywords.clone(),
            profile: config::CHAT_PROFILE.to_owned(),
            history_tokens: history_tokens(settings),
            open_access: settings.access.mode == config::AccessMode::Open,
            daily_tokens_per_user: settings.access.daily_tokens_per_user,
            text_limits: connectors
                .iter()
                .map(|connector| (connector.name.clone(), connector.outbound.capabilities().text_limit))
                .collect(),
            references_count_up: connectors
                .iter()
                .filter(|connector| connector.outbound.capabilities().references_count_up)
                .map(|connector| connector.name.clone())
                .collect(),
            replies_to_choices: connectors
                .iter()
                .filter(|connector| connector.outbound.capabilities().replies_to_choices)
                .map(|connector| connector.name.clone())
                .collect(),
            announce_again_after: connectors
                .iter()
                .map(|connector| (connector, connector.outbound.capabilities()))
                .filter(|(_, can)| can.keeps_messages)
                .map(|(connector, can)| (connector.name.clone(), can.announce_again_after))
                .collect(),
            model_label: label.unwrap_or_default(),
            max_attempts: settings.engine.max_attempts,
            contested,
        }
    }

    pub(super) fn into_engine(
        self,
        settings: &Settings,
        store: Store,
        clock: Clock,
        pacers: BTreeMap<ConnectorName, PacerHandle>,
        listeners: broadcast::Sender<(TurnId, TurnEvent)>,
        contested: Contested,
    ) -> Engine {
        let always_confirm: BTreeSet<String> = settings
            .tools
            .confirm
            .iter()
            .filter(|(_, confirm)| **confirm == ConfirmOverride::Always)
            .map(|(tool, _)| tool.clone())
            .collect();
        Engine {
            store,
            clock,
            tools: self.registry,
            always_confirm,
            profiles: self.profiles,
            pacers,
            settings: EngineLimits {
                turn_timeout: settings.engine.turn_timeout,
                model_timeout: settings.engine.model_timeout,
                max_gates: settings.engine.max_gates_per_turn,
                max_pending: settings.gate.max_pending_per_round as usize,
                max_attempts: settings.engine.max_attempts,
                expires_after: settings.gate.expires_after,
                allow_always: settings.gate.allow_always,
                history_tokens: history_tokens(settings),
                tool_time_limit: settings.tools.time_limit,
                tool_output_limit_bytes: settings.tools.output_limit_bytes as usize,
            },
            listeners,
            contested,
            host: host_name(),
        }
    }
}

fn registry(settings: &Settings, clock: &Clock) -> Result<Registry, BuildError> {
    let folders: Vec<tools::FolderSettings> = settings
        .tools
        .files
        .folders
        .iter()
        .map(|(name, folder)| tools::FolderSettings {
            name: name.clone(),
            path: folder.path.clone(),
            writable: folder.writable,
        })
        .collect();
    let mut excluded: Vec<PathBuf> = settings
        .tools
        .files
        .folders
        .values()
        .flat_map(|folder| folder.excluded.clone())
        .collect();
    excluded.sort();
    excluded.dedup();
    let folders = Arc::new(Folders::open(&folders, &excluded)?);
    let clock = clock.clone();
    Ok(tools::built_in(&folders, Arc::new(move || clock.now())))
}

/// Tokens of history for a turn: what the config allows, and no more than half of what the chat model can see, since the
/// request, its tools' results and the answer need room too.
fn history_tokens(settings: &Settings) -> u64 {
    let chat = settings.profiles.get(config::CHAT_PROFILE);
    let model = chat.and_then(|profile| settings.models.get(&profile.model));
    let seen = model.and_then(|model| model.context_tokens);
    let allowed = settings.engine.history_tokens;
    u64::from(seen.map_or(allowed, |seen| allowed.min(seen / 2)))
}

fn users(settings: &Settings) -> Vec<DeclaredUser> {
    settings
        .users
        .iter()
        .map(|(name, user)| DeclaredUser {
            name: name.clone(),
            policy: Policy {
                role: user.role,
                max_risk: user.max_risk,
                allow: user.allow.clone(),
                ask: user.ask.clone(),
                block: user.block.clone(),
                include: user.include.clone(),
                exclude: user.exclude.clone(),
                may_grant_always: user.may_grant_always,
                time_zone: user.time_zone.clone(),
            },
            identities: user
                .identities
                .iter()
                .map(|identity| (identity.connector.clone(), identity.sender.clone()))
                .collect(),
            for_this_run: user.for_this_run,
        })
        .collect()
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}
