//! src/ffi.rs against plugin_api/v1.layout: sizes, offsets and names of every struct, and the numbers. The layout itself is held to the C
//! headers by tests/abi/layout_test.c.

use cleat::ffi;
use std::collections::BTreeMap;

fn layout() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../v1.layout")).expect("plugin_api/v1.layout")
}

/// {name: (size, [(offset, size, member)])} of the structs.
fn structs(text: &str) -> BTreeMap<String, (usize, Vec<(usize, usize, String)>)> {
    let mut all = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "table" | "value" => {
                current = words[1].to_owned();
                all.insert(current.clone(), (words[2].parse().unwrap(), Vec::new()));
            }
            _ if line.starts_with("  ") => {
                let member = (words[0].parse().unwrap(), words[1].parse().unwrap(), words[2].to_owned());
                all.get_mut(&current).unwrap().1.push(member);
            }
            _ => (),
        }
    }
    all
}

fn size_of_pointee<T>(_: *const T) -> usize {
    std::mem::size_of::<T>()
}

/// Holds a struct to the layout: every member, in order, none missing. A trailing underscore keeps a name apart from a keyword of Rust.
macro_rules! check {
    ($all:ident, $c:literal, $Struct:ident, $($member:ident)*) => {{
        let memory = std::mem::MaybeUninit::<ffi::$Struct>::uninit();
        let base = memory.as_ptr();
        let mut found = Vec::new();
        $({
            // SAFETY: the address of a member is taken, and nothing is read.
            let at = unsafe { std::ptr::addr_of!((*base).$member) };
            found.push((at as usize - base as usize, size_of_pointee(at), stringify!($member).trim_end_matches('_').to_owned()));
        })*
        let (size, members) = $all.remove($c).expect(concat!($c, " is not in v1.layout"));
        assert_eq!(std::mem::size_of::<ffi::$Struct>(), size, $c);
        assert_eq!(found, members, $c);
    }};
}

#[test]
fn every_struct_is_that_of_the_headers() {
    let mut all = structs(&layout());
    check!(all, "cleat_str", Str, data size);
    check!(all, "cleat_header", Header, name value);
    check!(all, "cleat_reply", Reply, size status headers header_count body reason);
    check!(all, "cleat_attempt_end", AttemptEnd, size attempt how status flags reserved elapsed_us);
    check!(all, "cleat_retry", Retry, size flags delay_ms);
    check!(all, "cleat_event", Event, size kind name data);
    check!(
        all, "cleat_host", Host,
        size abi name version find log error_text set_error worker_index header_get header_count header_at
        header_set header_add header_remove field_get field_set status_get status_set exchange_state
        route_config reply reset reroute cluster_set attempt_timeout retry suspend resume complete
        exchange_timeout
    );
    check!(all, "cleat_create", Create, size workers self_ name config);
    check!(
        all, "cleat_plugin", Plugin,
        size abi find create validate destroy route_create route_destroy worker_start worker_stop
        on_connection on_tls on_connection_end on_request on_route on_request_body on_request_trailers
        on_attempt on_attempt_end on_response on_response_body on_response_trailers on_reply on_end on_event
        on_drain on_shutdown
    );
    check!(all, "cleat_host_attributes", HostAttributes, size reserved text integer);
    check!(all, "cleat_host_body", HostBody, size reserved subscribe view append prepend replace drain keep_for_replay);
    check!(
        all, "cleat_host_config", HostConfig,
        size reserved type_ get count at text integer number boolean duration_ms bytes json error path
    );
    check!(
        all, "cleat_call_request", CallRequest,
        size flags cluster method target authority headers header_count body timeout_ms body_max
    );
    check!(
        all, "cleat_call_event", CallEvent,
        size kind how status headers header_count body trailers trailer_count reason
    );
    check!(all, "cleat_host_http_call", HostHttpCall, size reserved start write finish pause cancel);
    check!(
        all, "cleat_host_metadata", HostMetadata,
        size reserved key set_text set_integer set_number get_text get_integer get_number type_
    );
    check!(all, "cleat_metric_def", MetricDef, size kind name help labels label_count bounds bound_count series_max);
    check!(
        all, "cleat_metric_view", MetricView,
        size kind name help labels label_count value bounds buckets bound_count
    );
    check!(all, "cleat_host_metrics", HostMetrics, size reserved define series add observe visit);
    check!(all, "cleat_host_post", HostPost, size reserved post post_worker);
    check!(all, "cleat_host_timer", HostTimer, size reserved arm rearm cancel);
    check!(all, "cleat_endpoint", Endpoint, size weight address);
    check!(
        all, "cleat_endpoint_set", EndpointSet,
        size reserved cluster cluster_name endpoints endpoint_count endpoint_stride
    );
    check!(all, "cleat_plugin_balancer", PluginBalancer, size reserved set_create set_destroy pick);
    check!(all, "cleat_host_balancer", HostBalancer, size reserved in_flight health_get health_set tried);
    check!(all, "cleat_command_call", CommandCall, size reserved word arguments argument_count write);
    check!(all, "cleat_plugin_command", PluginCommand, size reserved run);
    check!(all, "cleat_source_endpoint", SourceEndpoint, size weight address flags reserved);
    check!(
        all, "cleat_host_config_source", HostConfigSource,
        size reserved begin stage remove commit abandon endpoints version
    );
    check!(all, "cleat_plugin_config_source", PluginConfigSource, size reserved watch unwatch);
    check!(
        all, "cleat_host_control", HostControl,
        size reserved state reload drain restore log_level_get log_level_set describe
    );
    check!(all, "cleat_host_events", HostEvents, size reserved subscribe publish);
    check!(all, "cleat_plugin_handler", PluginHandler, size reserved on_handle on_handle_body on_writable on_handle_end);
    check!(all, "cleat_host_handler", HostHandler, size reserved start write finish abort);
    check!(all, "cleat_host_handover", HostHandover, size reserved write);
    check!(all, "cleat_plugin_handover", PluginHandover, size reserved give take);
    check!(all, "cleat_host_kv", HostKv, size reserved open get set set_if remove add next);
    check!(all, "cleat_plugin_tls", PluginTls, size reserved on_client_hello);
    check!(all, "cleat_host_tls", HostTls, size reserved client_hello extension certificate_use peer_certificate);
    assert!(all.is_empty(), "not bound: {:?}", all.keys());
}

#[test]
fn every_number_is_that_of_the_headers() {
    let text = layout();
    let numbers: BTreeMap<&str, i64> = text
        .lines()
        .filter_map(|line| line.strip_prefix("number CLEAT_"))
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .map(|words| (words[0], words[1].parse().unwrap()))
        .collect();
    let source = include_str!("../src/ffi.rs");
    let mut compared = 0;
    for line in source.lines().filter_map(|line| line.strip_prefix("pub const ")).filter(|line| !line.contains("&str")) {
        let name = line.split(':').next().unwrap();
        let value: i64 = line.split('=').nth(1).unwrap().trim().trim_end_matches(';').parse().unwrap();
        assert_eq!(numbers.get(name), Some(&value), "{}", name);
        compared += 1;
    }
    let source = include_str!("../src/attribute.rs");
    for line in source.lines().filter_map(|line| line.strip_prefix("pub const ")) {
        let name = format!("ATTR_{}", line.split(':').next().unwrap());
        let value: i64 = line.rsplit('(').next().unwrap().trim_end_matches(");").parse().unwrap();
        assert_eq!(numbers.get(name.as_str()), Some(&value), "{}", name);
    }
    let attributes = numbers.keys().filter(|name| name.starts_with("ATTR_")).count();
    assert_eq!(source.matches("pub const ").count(), attributes, "attributes are missing");
    assert_eq!(compared + attributes, numbers.len(), "numbers are missing");
}

#[test]
fn every_extension_has_its_id() {
    let text = layout();
    let mut compared = 0;
    for line in include_str!("../src/ffi.rs").lines().filter_map(|line| line.strip_prefix("pub const EXT_")) {
        let id = format!("id CLEAT_EXT_{} {}", line.split(':').next().unwrap(), line.split('"').nth(1).unwrap());
        assert!(text.lines().any(|one| one == id), "{}", id);
        compared += 1;
    }
    assert_eq!(compared, text.matches("id CLEAT_EXT_").count());
}
