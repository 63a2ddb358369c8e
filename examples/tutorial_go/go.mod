module example.org/tutorial

go 1.19

require cleat v0.9.0

// Elsewhere: <where Cleat was installed>/share/cleat/go
replace cleat v0.9.0 => ../../plugin_api/go
