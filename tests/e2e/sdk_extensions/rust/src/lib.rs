//! extensions: does with the SDK's extensions what a request's x-do says, for tests/e2e/test_sdk_extensions.py. The same as ../go.
#![deny(unsafe_code)]

mod choose;
mod handler;
mod handover;
mod kv;
mod process;
mod streams;

use cleat::{
    Create, Error, Event, Exchange, Handle, Histogram, Kv, Level, Reply, Status, Ticket, Verdict,
};
use std::sync::Mutex;

pub struct Extensions {
    me: Handle<Extensions>,
    own: Kv,
    shared: Kv,
    words: Histogram,
    kept: handover::Kept,
}

/// Of the hooks that wait: one at a time.
static TICKETS: Mutex<Vec<Ticket>> = Mutex::new(Vec::new());

impl cleat::Plugin for Extensions {
    fn create(create: Create<'_, Self>) -> Result<Self, Error> {
        let me = create.handle();
        for number in 0..create.config().integer_or("patterns", 0..=100, 1) {
            me.subscribe(&format!("demo{}.*", number))?;
        }
        me.subscribe("cleat.generation.*")?;
        let own = create.open_kv("own", create.config().bytes_or("own_bytes", 4096))?;
        kv::remember(&create, own);
        Ok(Extensions {
            me,
            own,
            shared: create.open_plugin_kv("shared", 65536)?,
            kept: handover::Kept::new(create.config()),
            words: create.histogram("cleat_extensions_words", "Words of x-do", &[1, 2])?,
        })
    }
}

impl cleat::OnEvent for Extensions {
    fn on_event(&self, event: Event<'_>) {
        self.me
            .log(Level::Info, &format!("event {} {}", event.name, event.data));
        if event.name == "demo0.panic" {
            panic!("asked to panic in an event");
        }
    }
}

impl cleat::OnTimer for Extensions {
    fn on_timer(&self, x: &mut Exchange<'_>, token: usize) {
        match token {
            streams::GO_ON => streams::go_on(),
            handler::ANSWER => self.answer_later(x),
            _ => {
                let ticket = TICKETS.lock().unwrap().pop().unwrap();
                let _ = ticket.resume(say(x, "waited"));
            }
        }
    }
}

impl cleat::OnRequest for Extensions {
    fn on_request(&self, x: &mut Exchange<'_>) -> Verdict {
        let asked = match x.request().get("x-do") {
            Some(asked) => asked.to_string_lossy(),
            None => return Verdict::Continue,
        };
        let words: Vec<&str> = asked.split(' ').collect();
        let done = match words[0] {
            "publish" => Ok(say(x, &said(self.me.publish(words[1], words[2])))),
            "publish-long" => Ok(say(
                x,
                &said(self.me.publish("demo0.long", vec![b'x'; 4097])),
            )),
            "answer" => Ok(say(x, &said(x.response_writer().start(Reply::default())))),
            "subscribe" => Ok(say(x, &said(self.me.subscribe("demo.late")))),
            "kv" => Ok(say(
                x,
                &self
                    .kv(&words[1..])
                    .unwrap_or_else(|status| status.to_string()),
            )),
            "metrics" => {
                let shown = process::metrics(words[1]);
                self.words.observe(words.len() as u64);
                Ok(say(x, &shown))
            }
            "kept" => Ok(say(x, &self.kept.state())),
            "set" => Ok(say(x, &choose::last_set())),
            "hello" => Ok(say(x, &choose::HELLO.lock().unwrap())),
            word if word.starts_with("stream") || word == "gathered-up" => self.stream(&words, x),
            _ => self.process(&words, x),
        };
        done.unwrap_or_else(|status| say(x, &status.to_string()))
    }
}

fn say(x: &Exchange<'_>, text: &str) -> Verdict {
    x.reply(Reply {
        body: text.as_bytes(),
        ..Reply::default()
    })
}

fn done(ticket: Ticket, x: &Exchange<'_>, text: &str) {
    let _ = ticket.resume(say(x, text));
}

fn said(done: Result<(), Status>) -> String {
    done.map_or_else(|status| status.to_string(), |()| "ok".to_owned())
}

cleat::plugin!(
    Extensions,
    "name=extensions\nversion=1.0.0\n\
     requires=cleat.balancer/1 cleat.body/1 cleat.config/1 cleat.config_source/1 cleat.control/1 \
     cleat.events/1 cleat.handler/1 cleat.handover/1 cleat.http_call/1 cleat.kv/1 cleat.metrics/1 cleat.post/1 \
     cleat.timer/1 cleat.tls/1\n\
     commands=ext-say: says its arguments; ext-fall: it panics\n"
);
