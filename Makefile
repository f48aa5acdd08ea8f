# The two that matter: make demo, make test.

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Packages with goroutines that share memory.
RACE := ./ingest/... ./schemas/writer/...

# How often make chaos kills an instance.
KILLS ?= 50

.PHONY: demo test chaos build bench lint race clean

# Everything on this machine, with nothing installed but Go and npm. DEMO=--once ends when all is in the tables.
demo: build
	bin/afterclick demo $(DEMO)

# Tests run the real ClickHouse engine, which is fetched once.
test:
	go test ./...

# Three instances on three brokers of a real Kafka, one or the other killed every few seconds under load. Needs Java and Maven.
chaos:
	CI=true go test -timeout 2h -count 1 -v -run '^TestChaos$$' ./deploy/pipeline -kills $(KILLS)

build:
	CGO_ENABLED=0 go build -trimpath -o bin/afterclick .

# How fast the click path is on this machine: a table, and as the last line key=value for scripts. BENCH=--help says what can be chosen.
bench: build
	@go run ./deploy/bench $(BENCH)

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these: $$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...

# Needs a C compiler: Go's race detector is linked with one.
race:
	CGO_ENABLED=1 go test -race $(RACE)

clean:
	rm -rf bin
