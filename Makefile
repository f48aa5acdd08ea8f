# The two that matter: make demo, make test.

STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Packages with goroutines that share memory.
RACE := ./ingest/... ./schemas/writer/...

# How often make chaos kills an instance, and on how many brokers they work.
KILLS ?= 50
BROKERS ?= 3

# How many open journeys make bench-restart restarts with.
JOURNEYS ?= 1000000

# How many seeds make sim runs, and how many minutes make soak takes.
SEEDS ?= 10000
MINUTES ?= 60

.PHONY: demo test chaos sim soak build bench bench-restart lint race clean

# Everything on this machine, with nothing installed but Go and npm. DEMO=--once ends when all is in the tables.
demo: build
	bin/afterclick demo $(DEMO)

# Tests run the real ClickHouse engine, which is fetched once.
test:
	go test -timeout 30m ./...

# One to three instances on three brokers of a real Kafka (or one: BROKERS=1), one or the other killed every few seconds under load, and
# ClickHouse killed, stopped and slow. Needs Java and Maven. Ends with kills=… lost=… doubled=….
chaos:
	@go test -c -o bin/pipeline.test ./deploy/pipeline
	@cd deploy/pipeline && CI=true ../../bin/pipeline.test -test.run '^TestChaos$$' -test.timeout 2h -kills $(KILLS) -brokers $(BROKERS)

# The engine against Kafka and ClickHouse in memory, with everything that can go wrong, one run for each seed. Ends with
# seeds=… differences=… faults=…, and a story for each difference.
sim:
	@go test -c -o bin/ingest.test ./ingest
	@bin/ingest.test -test.run '^TestSimulation$$' -sim.seeds $(SEEDS) -sim.from $(or $(FROM),1)

# The same with new seeds each time, for as long as asked: make soak MINUTES=600
soak:
	@go test -c -o bin/ingest.test ./ingest
	@bin/ingest.test -test.run '^TestSimulation$$' -sim.minutes $(MINUTES) -sim.from $$(date +%s)000

build:
	CGO_ENABLED=0 go build -trimpath -o bin/afterclick .

# How fast the click path is on this machine: a table, and as the last line key=value for scripts. BENCH=--help says what can be chosen.
bench: build
	@go run ./deploy/bench $(BENCH)

# How long run takes to go on with a million open journeys, from the local store and from the changelog, and the memory that takes: a
# table, and as the last line key=value. Needs Java and Maven.
bench-restart:
	@go test -c -o bin/pipeline.test ./deploy/pipeline
	@cd deploy/pipeline && CI=true ../../bin/pipeline.test -test.run '^TestRestart$$' -test.timeout 2h -journeys $(JOURNEYS)

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt -w these: $$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...

# Needs a C compiler: Go's race detector is linked with one.
race:
	CGO_ENABLED=1 go test -race $(RACE)

clean:
	rm -rf bin
