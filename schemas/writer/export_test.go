package writer

import "github.com/ClickHouse/clickhouse-go/v2"

// AsNative makes w insert as over the native protocol, by clickhouse-go's batches, whatever its connection speaks.
func (w *Writer) AsNative() { w.config.Options.Protocol = clickhouse.Native }
