CREATE OR REPLACE VIEW reputation
(
    bucket DateTime('UTC') COMMENT 'Start of the quarter-hour, UTC.',
    subject_kind LowCardinality(String) COMMENT 'Kind of what it is about: product, brand, carrier, shop.',
    subject String COMMENT 'Id of what it is about.',
    source LowCardinality(String) COMMENT 'Where it was posted.',
    language LowCardinality(String) COMMENT 'Language, ISO 639-1, if known.',
    promise Enum8('' = 0, 'none' = 1, 'open' = 2, 'kept' = 3, 'broken' = 4) COMMENT 'What became of the promised arrival of its order: none, open, kept, broken.',
    opinions UInt64 COMMENT 'Opinions.',
    negative UInt64 COMMENT 'Negative ones: at most 2 of 5 stars.',
    neutral UInt64 COMMENT 'Neutral ones.',
    positive UInt64 COMMENT 'Positive ones: at least 4 of 5 stars.',
    unscored UInt64 COMMENT 'Neither rating nor text says it.',
    rated UInt64 COMMENT 'Opinions with a rating.',
    stars Float64 COMMENT 'Stars, on 1 to 5, summed; divide by rated.',
    answered UInt64 COMMENT 'Opinions that were answered.',
    resolved UInt64 COMMENT 'Opinions that were resolved.',
    reach Float64 COMMENT 'People who are likely to see them.'
)
AS SELECT c.bucket AS bucket, c.subject_kind AS subject_kind, c.subject AS subject, c.source AS source, c.language AS language, c.promise AS promise, c.opinions AS opinions, c.negative AS negative, c.neutral AS neutral, c.positive AS positive, c.unscored AS unscored, c.rated AS rated, c.stars AS stars, c.answered AS answered, c.resolved AS resolved, c.reach AS reach
FROM stored_reputation AS c FINAL
INNER JOIN (
    SELECT toDateTime(at, 'UTC') AS bucket, max(version) AS refreshed FROM refreshed
    WHERE cell = 'reputation' AND scope = 'bucket' GROUP BY at
) AS r ON c.bucket = r.bucket
WHERE c.version >= r.refreshed
COMMENT 'Opinions by what they are about, by the quarter-hour in which they were posted; removed ones are left out. An opinion about two subjects counts for both, so counts add up within one subject or subject kind only.'
