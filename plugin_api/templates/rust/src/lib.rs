//! @NAME@: MAY reply, MAY change. Greets who asks for one path, and marks what passes by.
#![deny(unsafe_code)]

use cleat::{Counter, Create, Error, Exchange, Reply, Verdict};

/// One configured use of the plugin. All workers use it at the same time; nothing in it changes after `create`.
struct @CLASS@ {
    path: String,
    greeting: String,
    greetings: Counter,
}

impl cleat::Plugin for @CLASS@ {
    fn create(create: Create<'_, Self>) -> Result<Self, Error> {
        let config = create.config();
        Ok(@CLASS@ {
            path: config.text_or("path", "/hello"),
            greeting: config.text_or("greeting", "hello") + "\n",
            greetings: create.counter("cleat_@NAME@_greetings_total", "Requests answered here")?,
        })
    }
}

impl cleat::OnRequest for @CLASS@ {
    fn on_request(&self, x: &mut Exchange<'_>) -> Verdict {
        if x.path() != self.path {
            return Verdict::Continue;
        }
        self.greetings.add(1);
        x.reply(Reply {
            status: 200,
            body: self.greeting.as_bytes(),
            reason: "greeted",
            ..Reply::default()
        })
    }
}

impl cleat::OnResponse for @CLASS@ {
    fn on_response(&self, x: &mut Exchange<'_>) -> Verdict {
        match x.response_mut().set("x-seen-by", "@NAME@") {
            Ok(()) => Verdict::Continue,
            Err(_) => Verdict::Fail,
        }
    }
}

cleat::plugin!(
    @CLASS@,
    concat!(
        "name=@NAME@\nversion=",
        env!("CARGO_PKG_VERSION"),
        "\nrequires=cleat.config/1 cleat.metrics/1\nabout=greets\n"
    )
);
