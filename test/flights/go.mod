module flights

go 1.24
