//! The server: paths, the forms in which parameters come, the envelope of answers.

use super::Control;
use super::faults::Disturbance;
use super::handling::{self, Delivery, Reply};
use super::listener::{Cut, Gate, GatedListener};
use super::methods::{self, ApiError};
use super::params::{Params, Upload};
use super::remote;
use super::state::{Shared, TOKEN};
use super::updates;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Value, json};
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Uploads end here.
const LARGEST_BODY_BYTES: usize = 60 * 1024 * 1024;

/// Serves until it is told to stop; all connections end with it. The second listener stays open in an outage.
pub(super) fn run(listener: StdListener, control: Option<StdListener>, shared: Arc<Shared>, stop: &CancellationToken) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("telegram-fake")
        .enable_all()
        .build()
        .expect("a runtime for the fake server");
    runtime.block_on(async {
        let api = serve_on(listener, Arc::clone(&shared), None);
        let control = async {
            match control {
                Some(listener) => serve_on(listener, shared, Some(Arc::default())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = api => {}
            () = control => {}
            () = stop.cancelled() => {}
        }
    });
    runtime.shutdown_background();
}

/// Serves on a socket, behind the gate that is shut in an outage or behind one of its own.
async fn serve_on(listener: StdListener, shared: Arc<Shared>, gate: Option<Arc<Gate>>) {
    let inner = TcpListener::from_std(listener).expect("the socket is bound and non-blocking");
    let gate = gate.unwrap_or_else(|| Arc::clone(&shared.gate));
    let router = Router::new()
        .fallback(serve)
        .layer(DefaultBodyLimit::max(LARGEST_BODY_BYTES))
        .with_state(shared);
    let service = router.into_make_service_with_connect_info::<Cut>();
    // It ends with the runtime only.
    let _ = axum::serve(GatedListener { inner, gate }, service).await;
}

async fn serve(State(shared): State<Arc<Shared>>, ConnectInfo(cut): ConnectInfo<Cut>, request: Request) -> Response {
    let path = decoded(request.uri().path());
    if shared.options.remote_control
        && let Some(command) = path.strip_prefix("/control/")
    {
        return remote_control(Control::new(shared), command.to_owned(), request).await;
    }
    if let Some(path) = path.strip_prefix("/file/bot") {
        return download(&shared, path);
    }
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|rest| rest.split_once('/')) else {
        return refused(&ApiError::not_found("Not Found"));
    };
    if token != TOKEN {
        return refused(&refusal(token));
    }
    let method = method.trim_end_matches('/').to_owned();
    let params = match read(request).await {
        Ok(params) => params,
        Err(error) => return refused(&error),
    };
    let delivery = if method.eq_ignore_ascii_case("getUpdates") {
        poll(&shared, &params).await
    } else if let Some(method) = methods::find(&method) {
        shared.change(|state| handling::handle(state, &shared.options, method, &params))
    } else {
        shared.change(|state| state.violation(format!("there is no method {method}")));
        Reply::of(Err(ApiError::not_found("Not Found: method not found"))).into()
    };
    deliver(delivery, &cut).await
}

/// Control commands may wait, so they get a thread.
async fn remote_control(control: Control, command: String, request: Request) -> Response {
    let params = match read(request).await {
        Ok(params) => params,
        Err(error) => return refused(&error),
    };
    let run = move || remote::command(&control, &command, &params);
    let answer = tokio::task::spawn_blocking(run).await;
    let (status, body) = match answer.unwrap_or_else(|gone| Err(gone.to_string())) {
        // A text that is to be read.
        Ok(Value::String(text)) => return text.into_response(),
        Ok(answer) => (StatusCode::OK, answer),
        Err(error) => (StatusCode::BAD_REQUEST, json!({"error": error})),
    };
    let json = [(header::CONTENT_TYPE, "application/json")];
    (status, json, body.to_string()).into_response()
}

async fn poll(shared: &Shared, params: &Params) -> Delivery {
    let then = match shared.change(|state| state.take_fault("getUpdates", params)) {
        Some(Disturbance::Instead(instead)) => return shared.change(|state| Reply::instead(instead, state, None)).into(),
        Some(Disturbance::Then(then)) => Some(then),
        None => None,
    };
    let reply = Reply::of(updates::poll(shared, params).await);
    match then {
        Some(then) => reply.disturbed(then),
        None => reply.into(),
    }
}

async fn deliver(delivery: Delivery, cut: &Cut) -> Response {
    if !delivery.delay.is_zero() {
        tokio::time::sleep(delivery.delay).await;
    }
    let json = [(header::CONTENT_TYPE, "application/json")];
    match delivery.reply {
        Reply::Json(status, body) => (code(status), json, body.to_string()).into_response(),
        Reply::Malformed(body) => {
            let mut text = body.to_string();
            let mut half = text.len() / 2;
            while !text.is_char_boundary(half) {
                half += 1;
            }
            text.truncate(half);
            (json, text).into_response()
        }
        Reply::Html(status) => {
            let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>");
            (code(status), Html(page)).into_response()
        }
        Reply::Cut => {
            cut.now();
            StatusCode::OK.into_response()
        }
        Reply::Nothing => std::future::pending().await,
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A path without percent signs; some clients encode even the slashes of a file's path.
fn decoded(path: &str) -> String {
    // A path has neither `&` nor `=` here, so it reads like a parameter's name.
    let mut names = form_urlencoded::parse(path.as_bytes());
    names.next().map_or_else(String::new, |(name, _)| name.into_owned())
}

/// A token of the right form is unknown; any other is no path at all.
fn refusal(token: &str) -> ApiError {
    let parts = token.split_once(':');
    let is_token = parts.is_some_and(|(id, secret)| {
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
        id.parse::<u64>().is_ok() && secret.len() >= 24 && secret.chars().all(is_allowed)
    });
    if is_token {
        ApiError::unauthorized()
    } else {
        ApiError::not_found("Not Found")
    }
}

fn download(shared: &Shared, path: &str) -> Response {
    let state = shared.state();
    let path = path.strip_prefix(TOKEN).and_then(|path| path.strip_prefix('/'));
    let file = path.and_then(|path| state.files.values().find(|file| file.path == path));
    match file {
        Some(file) => {
            let headers = [(header::CONTENT_TYPE, "application/octet-stream")];
            (headers, file.bytes.to_vec()).into_response()
        }
        None => refused(&ApiError::not_found("Not Found")),
    }
}

fn refused(error: &ApiError) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    (code(error.code), json, error.json().to_string()).into_response()
}

async fn read(request: Request) -> Result<Params, ApiError> {
    let mut params = Params::default();
    let query = request.uri().query().unwrap_or_default();
    add_pairs(&mut params, query.as_bytes());
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let unreadable = |_| ApiError::bad("request body can't be read");
    if kind.starts_with("multipart/form-data") {
        let multipart = Multipart::from_request(request, &()).await;
        let multipart = multipart.map_err(|_| ApiError::bad("wrong multipart body"))?;
        add_parts(&mut params, multipart).await?;
        return Ok(params);
    }
    let body = Bytes::from_request(request, &()).await.map_err(unreadable)?;
    if kind.starts_with("application/json") && !body.is_empty() {
        let Ok(Value::Object(fields)) = serde_json::from_slice(&body) else {
            return Err(ApiError::bad("can't parse JSON object"));
        };
        for (name, value) in fields {
            params.insert(name, value);
        }
    } else if kind.starts_with("application/x-www-form-urlencoded") {
        add_pairs(&mut params, &body);
    }
    Ok(params)
}

fn add_pairs(params: &mut Params, encoded: &[u8]) {
    for (name, value) in form_urlencoded::parse(encoded) {
        params.insert(name.into_owned(), Value::String(value.into_owned()));
    }
}

async fn add_parts(params: &mut Params, mut multipart: Multipart) -> Result<(), ApiError> {
    let wrong = |_| ApiError::bad("wrong multipart body");
    while let Some(part) = multipart.next_field().await.map_err(wrong)? {
        let name = part.name().unwrap_or_default().to_owned();
        if let Some(file) = part.file_name().map(str::to_owned) {
            let bytes = part.bytes().await.map_err(wrong)?.to_vec();
            params.files.insert(name, Upload { name: file, bytes });
        } else {
            let text = part.text().await.map_err(wrong)?;
            params.insert(name, Value::String(text));
        }
    }
    Ok(())
}
