module example.org/extensions

go 1.19

require cleat v0.9.0

replace cleat v0.9.0 => ../../../../plugin_api/go
