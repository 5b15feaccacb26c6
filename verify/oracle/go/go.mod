module selvedge/goprobe

go 1.19
