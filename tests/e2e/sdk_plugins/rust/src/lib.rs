//! everything: uses each part of the SDK once, as the path asks, for tests/e2e/test_sdk.py. The same as ../go.
#![deny(unsafe_code)]

use cleat::{
    attribute, AttemptEnd, Call, Completion, Connection, Create, Error, Event, Exchange, Gauge,
    Handle, Histogram, Level,
};
use cleat::{Metadata, MetadataKey, Reply, Status, Verdict};
use std::time::Duration;

struct Everything {
    me: Handle<Everything>,
    text: MetadataKey,
    integer: MetadataKey,
    number: MetadataKey,
    open: Gauge,
    sizes: Histogram,
    summary: String,
}

#[derive(Default, Clone, Copy)]
struct Seen {
    hooks: u32,
}

struct Route {
    word: String,
}

impl cleat::Plugin for Everything {
    fn create(create: Create<'_, Self>) -> Result<Self, Error> {
        let config = create.config();
        if config.boolean_or("panic", false) {
            panic!("asked to panic in create");
        }
        let list: Vec<String> = config.get("list").map_or(Vec::new(), |list| {
            list.members()
                .iter()
                .filter_map(|(_, value)| value.text().ok())
                .collect()
        });
        let summary = format!(
            "{} {} {} {} {} {} {} {}",
            create.name(),
            create.workers(),
            config.integer_or("integer", 0..=10, 1),
            config.number_or("number", 0.5),
            config.duration_or("duration", Duration::ZERO).as_millis(),
            config.bytes_or("bytes", 0),
            list.join("+"),
            config
                .get("any")
                .and_then(|any| any.json().ok())
                .unwrap_or_default(),
        );
        Ok(Everything {
            me: create.handle(),
            text: MetadataKey::new("everything.text")?,
            integer: MetadataKey::new("everything.integer")?,
            number: MetadataKey::new("everything.number")?,
            open: create.gauge("cleat_everything_open", "Exchanges")?,
            sizes: create.histogram("cleat_everything_bytes", "Bodies", &[4, 16])?,
            summary,
        })
    }
}

impl cleat::RouteConfig for Everything {
    type Route = Route;
    fn route_create(&self, config: cleat::Config<'_>) -> Result<Route, Error> {
        Ok(Route {
            word: config.text_or("word", "none"),
        })
    }
}

impl cleat::WorkerStart for Everything {
    fn worker_start(&self, worker: u32) -> Result<(), Error> {
        self.me
            .log(Level::Info, &format!("worker {} starts", worker));
        self.me.arm_worker(Duration::from_millis(20), 7)?;
        Ok(())
    }
}

impl cleat::WorkerStop for Everything {
    fn worker_stop(&self, worker: u32) {
        self.me
            .log(Level::Info, &format!("worker {} stops", worker));
    }
}

impl cleat::OnTimer for Everything {
    fn on_timer(&self, x: &mut Exchange<'_>, token: usize) {
        if token == 13 {
            panic!("asked to panic in a timer");
        }
        let _ = x.response();
        self.me.log(Level::Info, &format!("timer {}", token));
        let ticket = TICKETS.lock().unwrap().pop().unwrap();
        let _ = ticket.resume(say(x, "waited"));
    }
    fn on_worker_timer(&self, token: usize) {
        self.me.log(Level::Info, &format!("worker timer {}", token));
    }
}

static TICKETS: std::sync::Mutex<Vec<cleat::Ticket>> = std::sync::Mutex::new(Vec::new());

impl cleat::OnConnection for Everything {
    fn on_connection(&self, connection: &mut Connection<'_>) -> Verdict {
        match connection.text(attribute::LISTENER) {
            Some(listener) if listener == "closed" => Verdict::Replied,
            _ => Verdict::Continue,
        }
    }
}

fn say(x: &Exchange<'_>, text: &str) -> Verdict {
    x.reply(Reply {
        status: 200,
        headers: &[("x-said", b"yes")],
        body: text.as_bytes(),
        reason: "said",
    })
}

impl cleat::OnRequest for Everything {
    fn on_request(&self, x: &mut Exchange<'_>) -> Verdict {
        self.open.add(1);
        if let Some(seen) = x.state::<Seen>() {
            seen.hooks += 1;
        }
        let path = x.path().to_string_lossy();
        self.act(&path, x)
            .unwrap_or_else(|status| cleat::fail(&format!("{}: {}", path, status)))
    }
}

impl Everything {
    fn act(&self, path: &str, x: &mut Exchange<'_>) -> Result<Verdict, Status> {
        match path {
            "/config" => return Ok(say(x, &self.summary)),
            "/fields" => {
                let all: Vec<String> = x
                    .request()
                    .iter()
                    .filter(|(name, _)| name.starts_with(b"x-"))
                    .map(|(n, v)| format!("{}={}", n, v))
                    .collect();
                let second = x.request().nth("x-a", 1).unwrap_or_else(|| "none".into());
                let text = format!(
                    "{} {} Some({})",
                    all.join(","),
                    x.request().has("X-A"),
                    second
                );
                return Ok(say(x, &text));
            }
            "/head" => {
                x.request_mut().set("x-set", "1")?;
                x.request_mut().add("x-set", "2")?;
                x.request_mut().remove("x-gone")?;
                x.set_method("PUT")?;
                x.set_target("/other?q=1")?;
                if x.request_mut().set("content-length", "7") != Err(Status::INVALID) {
                    return Ok(cleat::fail("framing was changed"));
                }
            }
            "/request-body" => x.request_body().whole(100)?,
            "/retry" => x.keep_for_replay(100)?,
            "/facts" => {
                x.set_metadata(self.text, "words")?;
                x.set_metadata(self.integer, -5)?;
                x.set_metadata(self.number, 2.5)?;
                let text = match (
                    x.metadata(self.text),
                    x.metadata(self.integer),
                    x.metadata(self.number),
                ) {
                    (
                        Some(Metadata::Text(text)),
                        Some(Metadata::Integer(integer)),
                        Some(Metadata::Number(number)),
                    ) => {
                        format!("{} {} {}", text, integer, number)
                    }
                    _ => "none".to_owned(),
                };
                let text = format!(
                    "{} {} {} {} {} {}",
                    text,
                    x.text(attribute::LISTENER).unwrap_or_else(|| "".into()),
                    x.integer(attribute::CONNECTION_REQUESTS).unwrap_or(-1),
                    x.scheme(),
                    x.query(),
                    x.status().is_none()
                );
                return Ok(say(x, &text));
            }
            "/timer" => {
                TICKETS.lock().unwrap().push(x.suspend()?);
                self.me.arm(x, Duration::from_millis(20), 42)?;
                return Ok(Verdict::Suspend);
            }
            "/timer-panic" => {
                let _ = x.suspend()?;
                self.me.arm(x, Duration::from_millis(10), 13)?;
                self.me.post(x.id(), |_, x| drop(x.reset()))?;
                return Ok(Verdict::Suspend);
            }
            "/thread" => {
                let (ticket, me, id) = (x.suspend()?, self.me, x.id());
                std::thread::spawn(move || {
                    let outside = cleat::worker().is_none();
                    let _ = me.post(id, move |_, x| {
                        drop(ticket.resume(say(
                            x,
                            &format!("posted {} {}", outside, cleat::worker().is_some()),
                        )))
                    });
                });
                return Ok(Verdict::Suspend);
            }
            "/ticket" => {
                let ticket = x.suspend()?;
                std::thread::spawn(move || ticket.resume(Verdict::Continue));
                return Ok(Verdict::Suspend);
            }
            "/call" => {
                let ticket = x.suspend()?;
                let call = Call {
                    cluster: "origin",
                    method: "POST",
                    target: "/called",
                    body: b"question",
                    ..Call::default()
                };
                self.me.call(x, &call, move |_, x, answer| {
                    let text = format!(
                        "{:?} {} {}",
                        answer.status(),
                        answer.header("X-Answer").unwrap_or_else(|| "-".into()),
                        answer.body()
                    );
                    let _ = ticket.resume(say(x, &text));
                })?;
                return Ok(Verdict::Suspend);
            }
            "/no-cluster" => {
                let refused = self.me.call(
                    x,
                    &Call {
                        cluster: "nowhere",
                        ..Call::default()
                    },
                    |_, _, _| (),
                );
                return Ok(say(x, &format!("{:?}", refused.err())));
            }
            "/panic" => {
                let none: Option<u32> = None;
                let _ = none.expect("nothing where something was expected");
            }
            _ => (),
        }
        Ok(Verdict::Continue)
    }
}

impl cleat::OnRoute for Everything {
    fn on_route(&self, x: &mut Exchange<'_>) -> Verdict {
        if x.path() != "/route" {
            return Verdict::Continue;
        }
        let word = x
            .route::<Route>()
            .map_or("absent".to_owned(), |route| route.word.clone());
        let strange = x.route::<String>().is_some();
        say(x, &format!("{} {}", word, strange))
    }
}

impl cleat::OnRequestBody for Everything {
    fn on_request_body(&self, x: &mut Exchange<'_>, last: bool) -> Verdict {
        let data = x.request_body().data().to_string_lossy();
        self.sizes.observe(data.len() as u64);
        match x
            .request_body_mut()
            .replace(format!("{} {}", data.to_uppercase(), last))
        {
            Ok(()) => Verdict::Continue,
            Err(_) => Verdict::Fail,
        }
    }
}

impl cleat::OnAttemptEnd for Everything {
    fn on_attempt_end(&self, x: &mut Exchange<'_>, end: AttemptEnd) -> Verdict {
        if end.status == 503 && end.attempt == 1 && end.can_retry {
            let _ = x.retry(Duration::ZERO, false);
        }
        Verdict::Continue
    }
}

impl cleat::OnResponse for Everything {
    fn on_response(&self, x: &mut Exchange<'_>) -> Verdict {
        let hooks = x.state::<Seen>().map_or(0, |seen| seen.hooks);
        let other = x.state::<u64>().is_some();
        let _ = x
            .response_mut()
            .set("x-hooks", format!("{} {}", hooks, other));
        if x.path() == "/response-body" {
            let _ = x.response_body().stream();
            let _ = x.set_status(201);
        }
        Verdict::Continue
    }
}

impl cleat::OnResponseBody for Everything {
    fn on_response_body(&self, x: &mut Exchange<'_>, last: bool) -> Verdict {
        let mut body = x.response_body_mut();
        let _ = body.prepend("<");
        let _ = body.append(if last { ">!" } else { ">" });
        Verdict::Continue
    }
}

impl cleat::OnEnd for Everything {
    fn on_end(&self, x: &mut Exchange<'_>) {
        self.open.add(-1);
        if x.path() == "/panic-at-the-end" {
            panic!("asked to panic at the end");
        }
    }
}

impl cleat::OnEvent for Everything {
    fn on_event(&self, event: Event<'_>) {
        self.me.log(
            Level::Info,
            &format!("event {} {}", event.name, event.reopen),
        );
    }
}

impl cleat::OnShutdown for Everything {
    fn on_shutdown(&self, completion: Completion) {
        self.me.log(Level::Info, "shutdown");
        let _ = completion.done();
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        self.me.log(Level::Info, "destroyed");
    }
}

cleat::plugin!(
    Everything,
    "name=everything\nversion=1.0.0\nrequires=cleat.config/1 cleat.http_call/1 cleat.metrics/1 cleat.metadata/1 cleat.body/1\n"
);
