//! cleat.handler/1: what the path asks of the origin that this is. And cleat.command/1.

use crate::{said, say, Extensions};
use cleat::{Call, CallEvent, Command, Exchange, Level, Reply, Status, Verdict};
use std::time::Duration;

pub const ANSWER: usize = 3; // token of a timer
const LARGE: usize = 3_000_000;

#[derive(Clone, Copy, Default)]
struct Sent {
    bytes: usize,
}

fn head<'a>(headers: &'a [(&'a str, &'a [u8])]) -> Reply<'a> {
    Reply {
        status: 201,
        headers,
        reason: "made_here",
        ..Reply::default()
    }
}

/// Writes until the client is slow, or all is written.
fn pour(x: &mut Exchange<'_>) -> Result<(), Status> {
    let piece = [b'l'; 10_000];
    let mut sent = x.state::<Sent>().map_or(0, |sent| sent.bytes);
    while sent < LARGE {
        let next = &piece[..piece.len().min(LARGE - sent)];
        let taken = x.response_writer().write(next)?;
        sent += taken;
        if taken < next.len() {
            x.state::<Sent>().unwrap().bytes = sent;
            return Ok(());
        }
    }
    x.response_writer().finish(&[("x-sum", b"large")])
}

impl Extensions {
    pub fn answer_later(&self, x: &mut Exchange<'_>) {
        let answer = x.response_writer();
        let done = answer
            .start(head(&[]))
            .and_then(|()| answer.write("later"))
            .and_then(|_| answer.finish(&[]));
        if let Err(status) = done {
            self.me.log(Level::Error, &format!("later: {}", status));
        }
    }

    fn handle(&self, x: &mut Exchange<'_>) -> Result<(), Status> {
        let path = x.path().to_string_lossy();
        let answer = x.response_writer();
        match path.as_str() {
            "/h/panic-body" => Ok(()),
            "/h/echo" => answer.start(head(&[("x-kind", b"echo")])),
            "/h/large" | "/h/panic-writable" => {
                answer.start(head(&[]))?;
                pour(x)
            }
            "/h/length" => {
                answer.start(head(&[("content-length", b"5")]))?;
                let more = answer.write("123456").err();
                let less = answer.write("12345")?;
                self.me
                    .log(Level::Info, &format!("length {:?} {}", more, less));
                answer.finish(&[])?;
                let late = (answer.write("x").err(), answer.finish(&[]).err());
                self.me.log(Level::Info, &format!("late {:?}", late));
                Ok(())
            }
            "/h/short" => {
                answer.start(head(&[("content-length", b"5")]))?;
                answer.write("12")?;
                self.me
                    .log(Level::Info, &format!("short {}", said(answer.finish(&[]))));
                Ok(())
            }
            "/h/abort" => {
                answer.start(head(&[]))?;
                answer.write("begun")?;
                answer.abort()
            }
            "/h/refused" => {
                let with_body = Reply {
                    body: b"x",
                    ..head(&[])
                };
                let all = [
                    said(answer.write("x").map(drop)),
                    said(answer.start(with_body)),
                    said(answer.start(Reply {
                        status: 100,
                        ..head(&[])
                    })),
                ];
                answer.start(head(&[]))?;
                answer.write(all.join(", "))?;
                answer.finish(&[])
            }
            "/h/later" => self.me.arm(x, Duration::from_millis(20), ANSWER).map(drop),
            "/h/gone" => {
                // The call outlives the answer, and with it the exchange.
                let call = Call {
                    cluster: "origin",
                    ..Call::default()
                };
                self.me.call_stream(x, &call, |plugin, x, _, event| {
                    if let CallEvent::End(answer) = event {
                        let writer = x.response_writer();
                        let late = (writer.write("x").err(), writer.abort().err());
                        let text = format!("gone {:?} {:?}", answer.how(), late);
                        plugin.me.log(Level::Info, &text);
                    }
                })?;
                answer.start(head(&[]))?;
                answer.finish(&[])
            }
            "/h/panic" => panic!("asked to panic in on_handle"),
            _ => Err(Status::NOT_FOUND),
        }
    }
}

impl cleat::OnHandle for Extensions {
    fn on_handle(&self, x: &mut Exchange<'_>) -> Verdict {
        if x.path() == "/h/reply" {
            return say(x, "replied");
        }
        match self.handle(x) {
            Ok(()) => Verdict::Continue,
            Err(status) => cleat::fail(&status.to_string()),
        }
    }
}

impl cleat::OnHandleBody for Extensions {
    fn on_handle_body(&self, x: &mut Exchange<'_>, last: bool) -> Verdict {
        if x.path() == "/h/panic-body" {
            panic!("asked to panic in on_handle_body");
        }
        if x.path() != "/h/echo" {
            return Verdict::Continue;
        }
        let answer = x.response_writer();
        let written = answer.write(x.request_body().data());
        if last {
            let _ = answer.finish(&[("x-trailer", b"echoed")]);
        }
        written.map_or(Verdict::Fail, |_| Verdict::Continue)
    }
}

impl cleat::OnWritable for Extensions {
    fn on_writable(&self, x: &mut Exchange<'_>) {
        if x.path() == "/h/panic-writable" {
            panic!("asked to panic in on_writable");
        }
        let _ = pour(x);
    }
}

impl cleat::OnHandleEnd for Extensions {
    fn on_handle_end(&self, x: &mut Exchange<'_>) {
        self.me.log(Level::Info, &format!("end of {}", x.path()));
        if x.path() == "/h/reply" {
            panic!("asked to panic in on_handle_end");
        }
    }
}

impl cleat::RunCommand for Extensions {
    fn run_command(command: Command<'_>) -> u8 {
        if command.word() == "ext-fall" {
            panic!("asked to panic in a command");
        }
        let mut count = 0;
        for argument in command.arguments() {
            count += 1;
            if command.out(argument.to_ascii_uppercase()).is_err() || command.out("\n").is_err() {
                let _ = command.error("nobody reads\n");
                return 4;
            }
        }
        let _ = command.error("said\n");
        count
    }
}
