module example.org/@NAME@_plugin

go 1.19

require cleat v0.9.0

replace cleat v0.9.0 => "@SDK@/share/cleat/go"
