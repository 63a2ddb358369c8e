module cleat

go 1.19
