//! cleat.balancer/1 and cleat.tls/1: what connections are shown, and where requests go.

use crate::{said, Extensions};
use cleat::{Config, Connection, Endpoints, Error, Exchange, HelloPart, Level, Verdict};
use std::sync::Mutex;

pub struct Set {
    endpoints: Endpoints,
    pick: String,
}

static LAST: Mutex<Option<Endpoints>> = Mutex::new(None); // also when its set is gone

impl cleat::Balancer for Extensions {
    type Set = Set;
    fn set_create(&self, endpoints: Endpoints, config: Config<'_>) -> Result<Set, Error> {
        let pick = config.text_or("pick", "last");
        if pick == "refuse" {
            return Err(Error::new("refused as asked"));
        }
        if pick == "unhealthy" {
            endpoints.set_healthy(2, false)?;
        }
        *LAST.lock().unwrap() = Some(endpoints.clone());
        Ok(Set { endpoints, pick })
    }
    fn pick(&self, set: &Set, x: &mut Exchange<'_>) -> Option<usize> {
        match set.pick.as_str() {
            "none" => None,
            "range" => Some(set.endpoints.len() + 7),
            "panic" => panic!("asked to panic in pick"),
            _ => (0..set.endpoints.len())
                .rev()
                .find(|&i| set.endpoints.is_healthy(i) == Ok(true) && !x.tried(i)),
        }
    }
}

pub fn last_set() -> String {
    let last = LAST.lock().unwrap();
    let set = last.as_ref().unwrap();
    let list: Vec<String> = set
        .list()
        .iter()
        .map(|one| format!("{}*{}", one.address, one.weight))
        .collect();
    format!(
        "{} {} {} {} {}",
        set.cluster(),
        list.join(","),
        set.in_flight(0)
            .map_or_else(|status| status.to_string(), |count| count.to_string()),
        set.is_healthy(2)
            .map_or_else(|status| status.to_string(), |healthy| healthy.to_string()),
        said(set.set_healthy(99, true))
    )
}

pub static HELLO: Mutex<String> = Mutex::new(String::new());

fn hex(bytes: Option<cleat::Text<'_>>) -> String {
    bytes.map_or_else(
        || "none".to_owned(),
        |bytes| bytes.iter().map(|byte| format!("{:02x}", byte)).collect(),
    )
}

impl cleat::OnClientHello for Extensions {
    fn on_client_hello(&self, connection: &mut Connection<'_>) -> Verdict {
        let name = connection
            .client_hello(HelloPart::ServerName)
            .map_or_else(String::new, |name| name.to_string_lossy());
        let early = connection.peer_certificate(0).is_some();
        let parts = [
            hex(connection.client_hello(HelloPart::Version)),
            hex(connection.client_hello(HelloPart::Alpn)),
            hex(connection.client_hello_extension(43)),
            hex(connection.client_hello_extension(0xfafa)),
            connection
                .client_hello(HelloPart::Ciphers)
                .is_some()
                .to_string(),
            connection
                .client_hello(HelloPart::Extensions)
                .is_some()
                .to_string(),
            early.to_string(),
        ];
        *HELLO.lock().unwrap() = format!("{} {}", name, parts.join(" "));
        match name.split('.').next() {
            Some("other") => match connection.use_certificate("other") {
                Ok(()) => Verdict::Continue,
                Err(status) => cleat::fail(&status.to_string()),
            },
            Some("missing") => {
                let missing = said(connection.use_certificate("nowhere"));
                self.me
                    .log(Level::Info, &format!("certificate {}", missing));
                Verdict::Continue
            }
            Some("panic") => panic!("asked to panic in on_client_hello"),
            _ => Verdict::Continue,
        }
    }
}

impl cleat::OnTls for Extensions {
    fn on_tls(&self, connection: &mut Connection<'_>) -> Verdict {
        let size = connection.peer_certificate(0).map_or(0, |der| der.len());
        let text = format!(
            "peer {} {} {} {}",
            size,
            connection.peer_certificate(1000).is_some(),
            connection.client_hello(HelloPart::Version).is_some(),
            said(connection.use_certificate("other"))
        );
        self.me.log(Level::Info, &text);
        Verdict::Continue
    }
}
