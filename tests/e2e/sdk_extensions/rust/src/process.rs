//! cleat.config_source/1 and cleat.control/1: what the process is, and becomes.

use crate::{done, said, say, Extensions, TICKETS};
use cleat::{
    Committed, Config, Error, Exchange, Handle, Level, Resource, SourceEndpoint, Status, Verdict,
};
use std::time::Duration;

/// What a cluster wants.
pub struct Watch {
    me: Handle<Extensions>,
    cluster: String,
    panics: bool,
}

impl cleat::Discovery for Extensions {
    type Watch = Watch;
    fn watch(&self, cluster: &str, config: Config<'_>) -> Result<Watch, Error> {
        match config.text_or("wants", "all").as_str() {
            "refusal" => return Err(Error::new("refused as asked")),
            "panic" => panic!("asked to panic in watch"),
            _ => (),
        }
        self.me.log(Level::Info, &format!("watch {}", cluster));
        if let Some(address) = config
            .get("address")
            .and_then(|address| address.text().ok())
        {
            let endpoint = SourceEndpoint {
                address: &address,
                weight: 1,
                healthy: true,
            };
            self.me.set_endpoints(cluster, &[endpoint])?;
        }
        Ok(Watch {
            me: self.me,
            cluster: cluster.to_owned(),
            panics: config.boolean_or("panic_at_the_end", false),
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.me
            .log(Level::Info, &format!("unwatch {}", self.cluster));
        if self.panics {
            panic!("asked to panic in unwatch");
        }
    }
}

/// The series of that name.
pub fn metrics(name: &str) -> String {
    let mut all = Vec::new();
    let done = cleat::visit_metrics(|one| {
        if one.name() == "cleat_requests_total" && name == "panic" {
            panic!("asked to panic in a visit");
        }
        if one.name() == name {
            let labels: Vec<String> = one
                .labels()
                .map(|(name, value)| format!("{}={}", name, value))
                .collect();
            let buckets: Vec<String> = one
                .buckets()
                .map(|(bound, count)| format!("{}:{}", bound, count))
                .collect();
            all.push(format!(
                "{:?} {} {} {}",
                one.kind(),
                labels.join(","),
                one.value(),
                buckets.join(",")
            ));
        }
    });
    format!("{} {}", said(done), all.join("; "))
}

fn kind(word: &str) -> Resource {
    match word {
        "listener" => Resource::Listener,
        "route_table" => Resource::RouteTable,
        "cluster" => Resource::Cluster,
        _ => Resource::Secret,
    }
}

fn text(committed: &Committed<'_>) -> String {
    format!(
        "{} {} {}",
        said(committed.status),
        committed.version,
        committed.text
    )
}

impl Extensions {
    pub fn process(&self, words: &[&str], x: &mut Exchange<'_>) -> Result<Verdict, Status> {
        let (me, id) = (self.me, x.id());
        let answered = |ticket| {
            move |_: &Extensions, status: Result<(), Status>, text: cleat::Text<'_>| {
                let text = format!("{} {}", said(status), text);
                let _ = me.post(id, move |_, x| done(ticket, x, &text));
            }
        };
        match *words {
            ["state"] => return Ok(say(x, &format!("{:?}", cleat::process_state()))),
            ["level"] => {
                let was = cleat::log_level()?;
                me.set_log_level(Level::Debug)?;
                let is = cleat::log_level()?;
                me.set_log_level(was)?;
                return Ok(say(x, &format!("{:?} {:?}", was, is)));
            }
            ["describe", topic] => me.describe(topic, answered(x.suspend()?))?,
            ["reload"] => me.reload(answered(x.suspend()?))?,
            ["restore", name] => me.restore(name, answered(x.suspend()?))?,
            ["drain"] => return Ok(say(x, &said(me.drain()))),
            ["describe-panic"] => {
                TICKETS.lock().unwrap().push(x.suspend()?);
                self.me.arm(x, Duration::from_millis(100), 1)?;
                me.describe("server", |_, _, _| panic!("asked to panic in an answer"))?;
            }
            ["commit" | "replace", ..] => {
                let mut transaction = me.begin(words[0] == "replace")?;
                for one in words[1..].chunks(3) {
                    match one[2] {
                        "-" => transaction.remove(kind(one[0]), one[1])?,
                        document => transaction.stage(kind(one[0]), one[1], document)?,
                    }
                }
                let ticket = x.suspend()?;
                transaction.commit(move |_, committed| {
                    let text = text(&committed);
                    let _ = me.post(id, move |_, x| done(ticket, x, &text));
                })?;
            }
            ["commit-panic"] => {
                TICKETS.lock().unwrap().push(x.suspend()?);
                self.me.arm(x, Duration::from_millis(100), 1)?;
                me.begin(false)?
                    .commit(|_, _| panic!("asked to panic in a commit"))?;
            }
            ["transactions"] => {
                let mut open = Vec::new();
                let refused = loop {
                    match me.begin(false) {
                        Ok(one) => open.push(one),
                        Err(status) => break status,
                    }
                };
                let count = open.len();
                drop(open);
                let again = me.begin(false).is_ok();
                return Ok(say(x, &format!("{} {} {}", count, refused, again)));
            }
            ["endpoints", cluster, addresses] => {
                let list: Vec<SourceEndpoint<'_>> = addresses
                    .split(',')
                    .map(|one| SourceEndpoint {
                        address: one.trim_start_matches('!'),
                        weight: 1,
                        healthy: !one.starts_with('!'),
                    })
                    .collect();
                return Ok(say(x, &said(me.set_endpoints(cluster, &list))));
            }
            ["version"] => return Ok(say(x, &me.source_version()?.to_string())),
            _ => return Ok(cleat::fail("x-do says nothing that is known")),
        }
        Ok(Verdict::Suspend)
    }
}
