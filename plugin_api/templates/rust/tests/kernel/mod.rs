//! The kernel with the plugin on one listener, and without it on another; and a client.
#![allow(dead_code)] // the test and the benchmark use a part each

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The program: CLEAT in the environment, or the one that made this project.
pub fn program() -> String {
    std::env::var("CLEAT").unwrap_or_else(|_| "@CLEAT@".to_owned())
}

/// The plugin that was built with this test: beside it, in `target/<profile>/deps`.
pub fn plugin() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.with_file_name("lib@NAME@.so")
}

/// A file of this process's own, gone with the value.
pub struct File(pub PathBuf);

impl File {
    pub fn new(name: &str, text: &str) -> File {
        let path = std::env::temp_dir().join(format!("@NAME@-{}-{}", std::process::id(), name));
        std::fs::write(&path, text).expect("a file in the temporary folder");
        File(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A running `cleat run`, ended with the value.
pub struct Kernel {
    process: Child,
    _config: File,
    pub with: String,
    pub without: String,
}

impl Kernel {
    pub fn start() -> Kernel {
        let config = File::new(
            "cleat.yaml",
            &format!(
                "workers: 1\n\
                 plugins:\n  - {{name: greets, use: {}, config: {{path: /hello, greeting: good day}}}}\n\
                 listeners:\n  \
                 - {{name: with, address: 127.0.0.1:0, chain: [greets], routes: [{{reply: {{status: 200, body: nobody}}}}]}}\n  \
                 - {{name: without, address: 127.0.0.1:0, routes: [{{reply: {{status: 200, body: nobody}}}}]}}\n",
                plugin().display()
            ),
        );
        let mut process = Command::new(program())
            .args(["run", "-c"])
            .arg(&config.0)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{}: {}: say in CLEAT where the program is",
                    program(),
                    error
                )
            });
        let mut said = BufReader::new(process.stderr.take().expect("a pipe"));
        let (mut with, mut without, mut log) = (String::new(), String::new(), String::new());
        loop {
            let mut line = String::new();
            if said.read_line(&mut line).unwrap_or(0) == 0 {
                let _ = process.wait();
                panic!("the kernel did not start:\n{}", log);
            }
            if let Some(address) = line
                .split("listening on ")
                .nth(1)
                .and_then(|rest| rest.split(' ').next())
            {
                if line.contains("(listener without)") {
                    without = address.to_owned();
                } else {
                    with = address.to_owned();
                }
            }
            log += &line;
            if line.trim_end().ends_with(" kernel ready") {
                break;
            }
        }
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink())); // its log is never waited for
        Kernel {
            process,
            _config: config,
            with,
            without,
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A connection that stays open between requests.
pub struct Client {
    stream: BufReader<TcpStream>,
}

pub struct Response {
    pub head: String,
    pub body: String,
}

impl Client {
    pub fn new(address: &str) -> Client {
        let stream = TcpStream::connect(address).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Client {
            stream: BufReader::new(stream),
        }
    }

    /// GET; the response has a Content-Length, as replies of the kernel do.
    pub fn get(&mut self, target: &str) -> Response {
        let request = format!("GET {} HTTP/1.1\r\nHost: example.org\r\n\r\n", target);
        self.stream
            .get_mut()
            .write_all(request.as_bytes())
            .expect("to send");
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let at = head.len();
            assert!(
                self.stream.read_line(&mut head).expect("a line") > 0,
                "closed"
            );
            let line = head[at..].trim_end();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a body");
        Response {
            head,
            body: String::from_utf8(body).expect("text"),
        }
    }
}
