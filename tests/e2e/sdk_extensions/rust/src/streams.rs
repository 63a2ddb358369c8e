//! cleat.http_call/1 in pieces.

use crate::{done, said, say, Extensions, TICKETS};
use cleat::{Answer, Call, CallEvent, CallHandle, Exchange, Level, Status, Verdict};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::time::Duration;

pub const GO_ON: usize = 2;
static PAUSED: Mutex<Option<CallHandle>> = Mutex::new(None);
static CAME: AtomicUsize = AtomicUsize::new(0); // of the stream that is paused
static CAME_BEFORE: AtomicUsize = AtomicUsize::new(0); // and until it went on

pub fn go_on() {
    CAME_BEFORE.store(CAME.load(Ordering::Relaxed), Ordering::Relaxed);
    let _ = PAUSED.lock().unwrap().unwrap().pause(false);
}

/// What is sent up, as it is taken.
struct Up {
    left: usize,
}

impl Up {
    fn send(&mut self, call: CallHandle) {
        let piece = [b'u'; 16 * 1024];
        while self.left > 0 {
            match call.write(&piece[..self.left.min(piece.len())]) {
                Ok(0) | Err(_) => return,
                Ok(taken) => self.left -= taken,
            }
        }
        let _ = call.finish(&[("x-sum", b"up")]);
    }
}

fn end(answer: &Answer<'_>, bytes: usize) -> String {
    let trailers: Vec<String> = answer
        .trailers()
        .map(|(name, value)| format!(" {}={}", name, value))
        .collect();
    match answer.is_ok() {
        true => format!("end {}{}", bytes, trailers.concat()),
        false => format!("{:?} {}", answer.how(), bytes),
    }
}

struct Dropped(cleat::Handle<Extensions>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.log(Level::Info, "the closure is dropped");
    }
}

impl Extensions {
    pub fn stream(&self, words: &[&str], x: &mut Exchange<'_>) -> Result<Verdict, Status> {
        let ticket = x.suspend()?;
        let call = Call {
            cluster: "origin",
            target: "/called",
            ..Call::default()
        };
        let up = Call {
            method: "POST",
            stream_body: true,
            ..call
        };
        let (mut head, mut bytes) = (String::new(), 0);
        match *words {
            ["stream"] => {
                self.me
                    .call_stream(x, &call, move |_, x, _, event| match event {
                        CallEvent::Head(told) => {
                            let from = told.header("X-From").map(|from| from.to_string());
                            head = format!("head {} {} ", told.status(), from.unwrap_or_default());
                        }
                        CallEvent::Data(piece) => bytes += piece.len(),
                        CallEvent::End(answer) => {
                            done(ticket, x, &format!("{}{}", head, end(&answer, bytes)))
                        }
                        _ => (),
                    })?;
            }
            ["stream-up", count] => {
                let mut up_ = Up {
                    left: count.parse::<usize>().unwrap() - 65_536,
                };
                let mut writable = false;
                let started =
                    self.me
                        .call_stream(x, &up, move |_, x, call, event| match event {
                            CallEvent::Writable => {
                                writable = true;
                                up_.send(call);
                            }
                            CallEvent::Head(told) => head = format!("head {} ", told.status()),
                            CallEvent::End(answer) => done(
                                ticket,
                                x,
                                &format!("{}{} {}", head, end(&answer, up_.left), writable),
                            ),
                            _ => (),
                        })?;
                // More than is taken at once, so that the rest goes on when there is room.
                let taken = started.write(vec![b'u'; 200_000])?;
                assert!(taken == 65_536, "{}", taken);
            }
            ["gathered-up"] => {
                let started = self.me.call(x, &up, move |_, x, answer| {
                    done(
                        ticket,
                        x,
                        &format!("{:?} {}", answer.status(), answer.body()),
                    );
                })?;
                started.write("question")?;
                started.finish(&[])?;
                assert_eq!(started.write("more"), Err(Status::WRONG_PHASE));
            }
            ["stream-pause"] => {
                self.me.arm(x, Duration::from_millis(300), GO_ON)?;
                CAME.store(0, Ordering::Relaxed);
                CAME_BEFORE.store(usize::MAX, Ordering::Relaxed);
                self.me
                    .call_stream(x, &call, move |_, x, call, event| match event {
                        CallEvent::Head(_) => {
                            let _ = call.pause(true);
                            *PAUSED.lock().unwrap() = Some(call);
                        }
                        CallEvent::Data(piece) => {
                            drop(CAME.fetch_add(piece.len(), Ordering::Relaxed))
                        }
                        CallEvent::End(answer) => {
                            let before = CAME_BEFORE.load(Ordering::Relaxed);
                            done(
                                ticket,
                                x,
                                &format!(
                                    "{} {}",
                                    before,
                                    end(&answer, CAME.load(Ordering::Relaxed))
                                ),
                            );
                        }
                        _ => (),
                    })?;
            }
            ["stream-cancel"] => {
                self.me
                    .call_stream(x, &call, move |_, x, call, event| match event {
                        CallEvent::Head(_) => head = said(call.cancel()),
                        CallEvent::End(answer) => {
                            let late = [
                                said(call.pause(true)),
                                said(call.cancel()),
                                format!("{:?}", call.write("x").err()),
                            ];
                            done(
                                ticket,
                                x,
                                &format!("{} {} {}", head, end(&answer, bytes), late.join(" ")),
                            );
                        }
                        _ => (),
                    })?;
            }
            ["stream-panic"] => {
                TICKETS.lock().unwrap().push(ticket);
                self.me.arm(x, Duration::from_millis(100), 1)?;
                let dropped = Dropped(self.me);
                let long = Call {
                    timeout: Duration::from_secs(600),
                    ..call
                };
                self.me.call_worker_stream(&long, move |_, _, event| {
                    let _ = &dropped;
                    if let CallEvent::Head(_) = event {
                        panic!("asked to panic in a stream");
                    }
                    panic!("told more after a panic");
                })?;
            }
            ["stream-worker"] => {
                let (me, id) = (self.me, x.id());
                self.me
                    .call_worker_stream(&call, move |_, _, event| match event {
                        CallEvent::Data(piece) => bytes += piece.len(),
                        CallEvent::End(answer) => {
                            let text = end(&answer, bytes);
                            let _ = me.post(id, move |_, x| done(ticket, x, &text));
                        }
                        _ => (),
                    })?;
            }
            ["stream-refused"] => {
                let nowhere = Call {
                    cluster: "nowhere",
                    ..call
                };
                let dropped = Dropped(self.me);
                let refused = self.me.call_stream(x, &nowhere, move |_, _, _, _| {
                    let _ = &dropped;
                });
                return Ok(say(x, &format!("{:?}", refused.err())));
            }
            ["stream-many"] => {
                let mut started = Vec::new();
                let refused = loop {
                    match self.me.call_stream(x, &call, |_, _, _, _| ()) {
                        Ok(one) => started.push(one),
                        Err(status) => break status,
                    }
                };
                for one in &started {
                    one.cancel()?;
                }
                return Ok(say(x, &format!("{} {}", started.len(), refused)));
            }
            _ => return Ok(cleat::fail("x-do says nothing that is known")),
        }
        Ok(Verdict::Suspend)
    }
}
