//! Where the engine says what happened. It never holds a client's secret or a whole message.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use spikard_contract::config::{LogFormat, LogLevel, ServerConfig};
use spikard_proto_http::date::format_rfc3339;

use crate::json_line::JsonLine;
#[cfg(test)]
use crate::json_line::is_unsafe;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Level {
    /// Something failed and somebody should look.
    Error = 1,
    /// Something is off, and was handled.
    Warn = 2,
    /// Life events: started, stopped.
    Info = 3,
    /// Details for a developer.
    Debug = 4,
    /// A line of the access log, whatever the level of the log.
    Access = 5,
}

impl Level {
    /// The least that a configuration lets through.
    #[must_use]
    pub fn of(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
        }
    }

    /// As a configuration and a line name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Access => "access",
        }
    }
}

/// A turn of a worker that takes too long.
#[derive(Debug, Clone, Copy)]
pub struct Stall<'a> {
    /// The handler that holds the worker: its name and its route's pattern. `None` if the turn is
    /// in the engine itself.
    pub handler: Option<(&'a str, &'a str)>,
    /// For how long the turn has lasted, in milliseconds.
    pub for_ms: u64,
}

impl fmt::Display for Stall<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.handler {
            Some((name, route)) => write!(
                out,
                "{name}{} has held its worker for {} ms; nothing else is served meanwhile",
                match route {
                    "" => String::new(),
                    route => format!(" ({route})"),
                },
                self.for_ms
            ),
            None => write!(out, "a turn has taken {} ms", self.for_ms),
        }
    }
}

/// What a line is about, where it is about a request. `None` is what nobody knows yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subject<'a> {
    /// The request's id.
    pub request_id: Option<&'a str>,
    /// Its method.
    pub method: Option<&'a str>,
    /// Its path as sent, without the query, which may hold secrets.
    pub path: Option<&'a str>,
    /// The pattern of its route.
    pub route: Option<&'a str>,
}

/// One thing that happened.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// How much it matters.
    pub level: Level,
    /// A sentence without a line break, which names its subject.
    pub message: &'a str,
    /// What it is about.
    pub subject: Subject<'a>,
    /// Where in the program it happened, and what caused it; several lines.
    pub trace: Option<&'a str>,
}

/// Receives the engine's log lines. Called on any thread, must not block for long.
pub trait Log: Send + Sync {
    /// Takes one line, a sentence without a line break; with `log_format="json"` a JSON object.
    fn log(&self, level: Level, message: &str);

    /// Takes one thing that happened with all that is known of it, where the log is text. Without
    /// this its sentence is logged.
    fn record(&self, record: &Record<'_>) {
        self.log(record.level, record.message);
    }

    /// Takes the news that a worker is stalled, and returns whether it did. A host that can tell
    /// more, such as where its code stands, says it here; it must not wait for the worker's thread,
    /// which may wait for this.
    fn stalled(&self, _: &Stall<'_>) -> bool {
        false
    }

    /// Whether it is what [`configured`] returns.
    fn is_configured(&self) -> bool {
        false
    }
}

/// The log as a configuration wants it: without what it does not want to hear, in its format.
pub fn configured(log: Arc<dyn Log>, config: &ServerConfig) -> Arc<dyn Log> {
    if log.is_configured() {
        return log;
    }
    Arc::new(Configured {
        log,
        most: Level::of(config.log_level),
        format: config.log_format,
    })
}

struct Configured {
    log: Arc<dyn Log>,
    most: Level,
    format: LogFormat,
}

impl Log for Configured {
    fn log(&self, level: Level, message: &str) {
        if level == Level::Access {
            return self.log.log(level, message);
        }
        self.record(&Record {
            level,
            message,
            subject: Subject::default(),
            trace: None,
        });
    }

    fn record(&self, record: &Record<'_>) {
        if record.level > self.most {
            return;
        }
        match self.format {
            LogFormat::Text => self.log.record(record),
            LogFormat::Json => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let now_ms = now.unwrap_or_default().as_millis() as u64;
                self.log.log(record.level, &json_of(record, now_ms));
            }
        }
    }

    fn stalled(&self, stall: &Stall<'_>) -> bool {
        if Level::Warn <= self.most && !self.log.stalled(stall) {
            let route = stall.handler.map(|(_, route)| route);
            self.record(&Record {
                level: Level::Warn,
                message: &stall.to_string(),
                subject: Subject {
                    route,
                    ..Subject::default()
                },
                trace: None,
            });
        }
        true
    }

    fn is_configured(&self) -> bool {
        true
    }
}

/// A record as one line of JSON. Every key is there; what is not known is null.
fn json_of(record: &Record<'_>, unix_ms: u64) -> String {
    let mut line = String::with_capacity(256);
    let mut object = JsonLine::begin(&mut line);
    object.put("time", format_rfc3339(unix_ms));
    object.put("level", record.level.name());
    object.put("message", record.message);
    object.put("request_id", record.subject.request_id);
    object.put("method", record.subject.method);
    object.put("path", record.subject.path);
    object.put("route", record.subject.route);
    object.put("traceback", record.trace);
    object.put("worker", std::process::id());
    object.end();
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::{Value, json};
    use spikard_contract::config::LogLevel;

    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<(Level, String)>>);

    impl Log for Lines {
        fn log(&self, level: Level, message: &str) {
            let mut lines = self.0.lock().expect("no test panics here");
            lines.push((level, message.to_owned()));
        }
    }

    fn told(format: LogFormat, level: LogLevel, say: impl Fn(&dyn Log)) -> Vec<(Level, String)> {
        let lines = Arc::new(Lines::default());
        let config = ServerConfig {
            log_format: format,
            log_level: level,
            ..ServerConfig::default()
        };
        let log = configured(lines.clone(), &config);
        // Whoever wraps it once more changes nothing.
        say(&*configured(log, &config));
        std::mem::take(&mut lines.0.lock().expect("no test panics here"))
    }

    fn failure(log: &dyn Log) {
        log.record(&Record {
            level: Level::Error,
            message: "GET /a%0a failed [id-1]",
            subject: Subject {
                request_id: Some("id-1"),
                method: Some("GET"),
                path: Some("/a%0a"),
                route: Some("/{b}"),
            },
            trace: Some("one \u{1b}[2J\ntwo \"\u{202e}\""),
        });
    }

    #[test]
    fn a_json_line_has_every_key_and_is_one_line() {
        let lines = told(LogFormat::Json, LogLevel::Info, failure);
        let [(Level::Error, line)] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert!(line.chars().all(|each| !is_unsafe(each)), "{line}");
        let mut value: Value = serde_json::from_str(line).expect("an object");
        let time = value["time"].take();
        assert!(
            time.as_str()
                .is_some_and(|time| time.len() == 24 && time.ends_with('Z'))
        );
        let wanted = json!({
            "time": null, "level": "error", "message": "GET /a%0a failed [id-1]",
            "request_id": "id-1", "method": "GET", "path": "/a%0a", "route": "/{b}",
            "traceback": "one \u{1b}[2J\ntwo \"\u{202e}\"", "worker": std::process::id(),
        });
        assert_eq!(value, wanted);
    }

    #[test]
    fn sentences_and_stalls_are_json_as_well_and_access_lines_stay_as_they_are() {
        let lines = told(LogFormat::Json, LogLevel::Warn, |log| {
            log.log(Level::Info, "not heard");
            log.log(Level::Warn, "heard");
            log.log(Level::Access, "a line");
            let handler = Some(("slow", "/slow"));
            assert!(log.stalled(&Stall { handler, for_ms: 7 }));
        });
        let [(_, heard), access, (Level::Warn, stall)] = &lines[..] else {
            panic!("{lines:?}");
        };
        let heard: Value = serde_json::from_str(heard).expect("an object");
        assert_eq!(
            (&heard["message"], &heard["route"]),
            (&json!("heard"), &Value::Null)
        );
        assert_eq!(*access, (Level::Access, "a line".to_owned()));
        let stall: Value = serde_json::from_str(stall).expect("an object");
        assert_eq!(
            (&stall["level"], &stall["route"]),
            (&json!("warn"), &json!("/slow"))
        );
    }

    #[test]
    fn text_is_the_sentence() {
        let lines = told(LogFormat::Text, LogLevel::Error, |log| {
            failure(log);
            log.log(Level::Warn, "not heard");
            log.stalled(&Stall {
                handler: None,
                for_ms: 7,
            });
        });
        assert_eq!(
            lines,
            [(Level::Error, "GET /a%0a failed [id-1]".to_owned())]
        );
    }
}
