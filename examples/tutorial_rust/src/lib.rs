//! tutorial: MAY reply, MAY change. Blocks one path; asks a service whether any other may pass, and waits for its answer; marks what
//! passed; counts all of it. ../tutorial_c, ../tutorial_cpp and ../tutorial_go are the same plugin.
#![deny(unsafe_code)]

use cleat::{Answer, Call, Counter, Create, Error, Exchange, Handle, Reply, Status, Verdict};
use std::time::Duration;

/// One configured use of the plugin. All workers use it at the same time; nothing in it changes after `create`.
struct Tutorial {
    me: Handle<Tutorial>,
    block: String,
    fail: String,
    cluster: String,
    check: String,
    timeout: Duration,
    blocked: Counter,
    allowed: Counter,
    denied: Counter,
}

impl cleat::Plugin for Tutorial {
    fn create(create: Create<'_, Self>) -> Result<Self, Error> {
        let config = create.config();
        let requests = create.counters(
            "cleat_tutorial_requests_total",
            "Requests, by what became of them",
            &["outcome"],
        )?;
        Ok(Tutorial {
            me: create.handle(),
            block: config.text_or("block", "/private"),
            fail: config.text_or("fail", ""),
            cluster: config.text_or("cluster", "auth"),
            check: config.text_or("check", "/check"),
            timeout: config.duration_or("timeout", Duration::from_secs(2)),
            blocked: requests.with(&["blocked"]),
            allowed: requests.with(&["allowed"]),
            denied: requests.with(&["denied"]),
        })
    }
}

impl cleat::OnRequest for Tutorial {
    fn on_request(&self, x: &mut Exchange<'_>) -> Verdict {
        if x.path() == self.block {
            self.blocked.add(1);
            return x.reply(Reply {
                status: 403,
                body: b"blocked\n",
                reason: "blocked",
                ..Reply::default()
            });
        }
        if x.path() == self.fail {
            panic!("asked to fail"); // stops at the hook: on_failure decides
        }
        self.ask(x)
            .unwrap_or_else(|_| cleat::fail("the service cannot be asked"))
    }
}

impl cleat::OnResponse for Tutorial {
    fn on_response(&self, x: &mut Exchange<'_>) -> Verdict {
        match x.response_mut().set("x-tutorial", "seen") {
            Ok(()) => Verdict::Continue,
            Err(_) => Verdict::Fail,
        }
    }
}

impl Tutorial {
    /// Asks the service about the path, and holds the exchange until it has answered.
    fn ask(&self, x: &Exchange<'_>) -> Result<Verdict, Status> {
        let ticket = x.suspend()?;
        let path = x.path();
        let call = Call {
            cluster: &self.cluster,
            target: &self.check,
            headers: &[("x-path", &path)],
            timeout: self.timeout,
            ..Call::default()
        };
        self.me.call(x, &call, move |tutorial, x, answer| {
            let _ = ticket.resume(tutorial.decide(x, answer)); // STALE where the exchange has ended meanwhile: harmless
        })?;
        Ok(Verdict::Suspend)
    }

    /// It has answered, or did not: once for each call, on the exchange's worker.
    fn decide(&self, x: &Exchange<'_>, answer: &Answer<'_>) -> Verdict {
        match answer.status() {
            Some(200) => {
                self.allowed.add(1);
                Verdict::Continue
            }
            Some(403) => {
                self.denied.add(1);
                x.reply(Reply {
                    status: 403,
                    body: &answer.body(),
                    reason: "denied",
                    ..Reply::default()
                })
            }
            _ => Verdict::Fail, // on_failure decides what is done without an answer
        }
    }
}

cleat::plugin!(
    Tutorial,
    concat!(
        "name=tutorial\nversion=",
        env!("CARGO_PKG_VERSION"),
        "\nrequires=cleat.config/1 cleat.http_call/1 cleat.metrics/1\nlicense=Apache-2.0\nabout=asks a service who may pass\n"
    )
);
