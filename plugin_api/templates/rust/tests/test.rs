//! What @NAME@ does, seen from outside, through the real kernel.

mod kernel;

use kernel::{Client, File, Kernel};

#[test]
fn the_path_is_answered_here_and_others_pass_by_marked() {
    let kernel = Kernel::start();
    let mut client = Client::new(&kernel.with);
    assert_eq!(client.get("/hello").body, "good day\n");
    let passed = client.get("/other");
    assert_eq!(passed.body, "nobody");
    assert!(
        passed.head.contains("x-seen-by: @NAME@\r\n"),
        "{}",
        passed.head
    );
    let untouched = Client::new(&kernel.without).get("/other");
    assert!(!untouched.head.contains("x-seen-by"), "{}", untouched.head);
}

#[test]
fn an_unknown_key_is_refused_and_named() {
    let config = File::new(
        "mistake.yaml",
        &format!(
            "plugins: [{{name: greets, use: {}, config: {{colour: red}}}}]\n\
             listeners: [{{name: in, address: 127.0.0.1:0, chain: [greets], routes: [{{reply: {{status: 204}}}}]}}]\n",
            kernel::plugin().display()
        ),
    );
    let done = std::process::Command::new(kernel::program())
        .args(["validate", "-c"])
        .arg(&config.0)
        .output()
        .expect("cleat");
    assert_eq!(done.status.code(), Some(2));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("colour: unknown key"), "{}", said);
}
