//! cleat.kv/1: the words after "kv".

use crate::{said, Extensions};
use cleat::{Create, Kv, Status};
use std::sync::Mutex;
use std::time::Duration;

/// The space of the instance "two", also when that is gone.
static OF_TWO: Mutex<Option<Kv>> = Mutex::new(None);

pub fn remember(create: &Create<'_, Extensions>, own: Kv) {
    if create.name() == "two" {
        *OF_TWO.lock().unwrap() = Some(own);
    }
}

impl Extensions {
    pub fn kv(&self, words: &[&str]) -> Result<String, Status> {
        let ever = Duration::ZERO;
        let version = |key: &str| Ok(self.own.get(key)?.map_or(0, |value| value.version));
        let is = |_: u64| "ok".to_owned();
        match *words {
            ["get", key] => Ok(self.own.get(key)?.map_or_else(
                || "none".to_owned(),
                |value| String::from_utf8_lossy(&value.bytes).into_owned(),
            )),
            ["get-nameless"] => Ok(format!("{:?}", self.own.get("")?)),
            ["set", key, value] => self.own.set(key, value, ever).map(is),
            ["set-long", key, bytes] => {
                let value = vec![b'x'; bytes.parse().unwrap()];
                let set = self.own.set(key, &value, ever)?;
                let got = self.own.get(key)?.unwrap();
                Ok((got.bytes == value && got.version == set).to_string())
            }
            ["set-brief", key, value] => self.own.set(key, value, Duration::from_micros(1)).map(is),
            ["set-if-new", key, value] => self.own.set_if(key, value, 0, ever).map(is),
            ["set-if-same", key, value] => self.own.set_if(key, value, version(key)?, ever).map(is),
            ["remove", key] => Ok(said(self.own.remove(key, 0))),
            ["remove-other", key] => Ok(said(self.own.remove(key, version(key)? + 1))),
            ["add", key, amount] => self
                .own
                .add(key, amount.parse().unwrap(), ever)
                .map(|value| value.to_string()),
            ["list", prefix] => {
                let (mut all, mut key) = (Vec::new(), Vec::new());
                while let Some(next) = self.own.next(prefix, &key)? {
                    all.push(String::from_utf8_lossy(&next).into_owned());
                    key = next;
                }
                Ok(all.join(","))
            }
            ["shared"] => self
                .shared
                .add("count", 1, ever)
                .map(|value| value.to_string()),
            ["gone"] => {
                let gone = OF_TWO.lock().unwrap().unwrap();
                Ok(format!(
                    "{:?} {:?}",
                    gone.get("a").err(),
                    gone.set("a", "1", ever).err()
                ))
            }
            _ => Err(Status::INVALID),
        }
    }
}
