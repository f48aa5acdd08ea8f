package local

// KafkaConfigs are the broker settings that the in-process Kafka needs.
func KafkaConfigs() map[string]string {
	return map[string]string{
		"log.cleaner.backoff.ms": "9000000000000",
	}
}
