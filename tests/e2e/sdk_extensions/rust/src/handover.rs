//! cleat.handover/1, as the configuration says.

use crate::Extensions;
use cleat::{Config, Error, StateWriter};
use std::sync::Mutex;

pub struct Kept {
    state: Mutex<String>,
    give: String,
    take: String,
}

impl Kept {
    pub fn new(config: Config<'_>) -> Kept {
        Kept {
            state: Mutex::new(config.text_or("state", "")),
            give: config.text_or("give", "all"),
            take: config.text_or("take", "all"),
        }
    }
    pub fn state(&self) -> String {
        self.state.lock().unwrap().clone()
    }
}

impl cleat::Handover for Extensions {
    fn give_state(&self, to: &mut StateWriter<'_>) -> Result<(), Error> {
        let state = self.kept.state();
        match self.kept.give.as_str() {
            "panic" => panic!("asked to panic in give_state"),
            "error" => return Err(Error::new("asked to fail in give_state")),
            "too_much" => to.write(vec![0; 64 * 1024 * 1024 + 1])?,
            _ => (),
        }
        if !state.is_empty() {
            to.set_format(7);
            to.write(&state)?;
            to.write("+")?;
        }
        Ok(())
    }

    fn take_state(&self, format: u32, bytes: &[u8]) -> Result<bool, Error> {
        match self.kept.take.as_str() {
            "panic" => panic!("asked to panic in take_state"),
            "error" => return Err(Error::new("asked to fail in take_state")),
            "none" => return Ok(false),
            _ => (),
        }
        *self.kept.state.lock().unwrap() = String::from_utf8_lossy(bytes).into_owned();
        Ok(format == 7)
    }
}
