CREATE TABLE IF NOT EXISTS stored_events
(
    time DateTime64(3, 'UTC') COMMENT 'When it happened, UTC, as the event says. Filter by it: the table is sorted by its day.',
    topic LowCardinality(String) COMMENT 'Kafka topic that the record was read from.',
    partition Int32 COMMENT 'Kafka partition.',
    offset Int64 COMMENT 'Kafka offset. topic, partition and offset name one record.' CODEC(Delta, LZ4),
    part UInt32 COMMENT 'Which event of the record, from 0: a batch has several.',
    source_time DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, or what an importer says instead of it, UTC.' CODEC(Delta, LZ4),
    status Enum8('' = 0, 'accepted' = 1, 'duplicate' = 2, 'late' = 3) COMMENT 'accepted: counted. duplicate: an event of this id came before. late: too old to change anything.',
    kind Enum8('' = 0, 'clickstream' = 1, 'orders' = 2, 'deliveries' = 3, 'reviews' = 4, 'touches' = 5) COMMENT 'clickstream, orders, deliveries or reviews, whatever the topic is called.',
    type LowCardinality(String) COMMENT 'What happened, such as product, cart_added, placed, delivered, posted.',
    id String COMMENT 'Id of the event. Two records with the same id are the same fact, told twice.',
    source LowCardinality(String) COMMENT 'Who told it: web, app, erp, a carrier, a review site.',
    visitor String COMMENT 'Device or browser id.',
    customer String COMMENT 'Known person\'s id, empty if not logged in.',
    order String COMMENT 'Order that the event names.',
    review String COMMENT 'Review that the event names.',
    product String COMMENT 'Product that the event names.',
    url String COMMENT 'Address of the page.',
    country LowCardinality(String) COMMENT 'Country of a click, ISO 3166-1 alpha-2, as it says itself, else by its address; empty: neither tells.',
    region LowCardinality(String) COMMENT 'Region of a click in that country, as it says itself, else by its address; empty: neither tells.',
    value Float64 COMMENT 'Value of the event, for orders their total, in its currency.',
    body String COMMENT 'The event as canonical JSON: the record\'s value as it came if that is its format, but without members called ip. The view takes the free properties out of it.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.'
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(time)
ORDER BY (toDate(time), topic, partition, offset, part)
COMMENT 'Every event of the source topics\' records that decodes, once per place in Kafka, as canonical JSON. status tells which of them count.';

CREATE TABLE IF NOT EXISTS stored_sessions
(
    visitor String COMMENT 'Device or browser id.',
    start DateTime64(3, 'UTC') COMMENT 'Time of the first event, UTC. Filter by it: the table is sorted by its day.',
    id UInt64 COMMENT 'Id of the session: a hash of visitor and start.',
    end DateTime64(3, 'UTC') COMMENT 'Time of the last event so far, UTC.',
    customer String COMMENT 'Known person\'s id, the last one seen in the session; empty if nobody logged in.',
    source LowCardinality(String) COMMENT 'Who told the events: web, app.',
    tracker_session String COMMENT 'The tracker\'s own id of the session.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    referrer LowCardinality(String) COMMENT 'Host of the page before the first.',
    traffic_source LowCardinality(String) COMMENT 'Who sent the visitor: utm_source, else the network that a click id names, else the name of the site before; empty: nobody.',
    campaign LowCardinality(String) COMMENT 'Campaign that brought the visitor.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet, tv, bot or unknown.',
    os LowCardinality(String) COMMENT 'Operating system.',
    browser LowCardinality(String) COMMENT 'Browser.',
    bot Bool COMMENT 'Whether the visitor is a machine.',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2, as the events say, else by the address; unknown if neither tells.',
    region LowCardinality(String) COMMENT 'Region in the country, as the events say, else by the address; unknown if neither tells.',
    category LowCardinality(String) COMMENT 'Category of most products that were looked at or put into the cart, of equals the one seen last; empty: none were; unknown: the catalogue does not have them.',
    segment LowCardinality(String) COMMENT 'The customer\'s segment; empty: nobody logged in; unknown: it is not told of that customer.',
    generation LowCardinality(String) COMMENT 'The customer\'s generation by year of birth: greatest (to 1927), silent (to 1945), boomer (to 1964), gen_x (to 1980), millennial (to 1996), gen_z (to 2012), alpha (to 2024); empty: nobody logged in; unknown: it is not told of that customer.',
    home_country LowCardinality(String) COMMENT 'Country that the customer lives in; empty: nobody logged in; unknown: it is not told of that customer.',
    customer_since DateTime64(3, 'UTC') COMMENT 'Day of the customer\'s first order, as far as it is told.',
    landing String COMMENT 'Path of the first page.',
    exit String COMMENT 'Path of the last page.',
    stage Enum8('' = 0, 'visit' = 1, 'view' = 2, 'research' = 3, 'cart' = 4, 'checkout' = 5, 'order' = 6, 'promise' = 7, 'ship' = 8, 'track' = 9, 'deliver' = 10, 'confirm' = 11, 'review' = 12) COMMENT 'Deepest stage reached, visit to order. A session that went quiet there dropped off there.',
    view DateTime64(3, 'UTC') COMMENT 'First look at a product.',
    research DateTime64(3, 'UTC') COMMENT 'First search, comparison or reading of reviews.',
    cart DateTime64(3, 'UTC') COMMENT 'First time that something was put into the cart.',
    checkout DateTime64(3, 'UTC') COMMENT 'First start of the checkout.',
    order DateTime64(3, 'UTC') COMMENT 'First order completed.',
    track DateTime64(3, 'UTC') COMMENT 'First look at a tracking page.',
    contact DateTime64(3, 'UTC') COMMENT 'First contact opened.',
    checkout_step LowCardinality(String) COMMENT 'Last step named while in the checkout, such as address or payment.',
    events UInt32 COMMENT 'Events of the session.',
    page_views UInt32 COMMENT 'Pages looked at: events of type page. A look at a product, a list or the cart that a shop tells instead of its page is not among them.',
    product_views UInt32 COMMENT 'Looks at products.',
    cart_adds UInt32 COMMENT 'Times that something was put into the cart.',
    orders Array(String) COMMENT 'Orders completed in the session, in order of time.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: the session was absorbed by another, or starts at another time now.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
PARTITION BY toYYYYMM(start)
ORDER BY (toDate(start), toStartOfFifteenMinutes(start), visitor, toUnixTimestamp64Milli(start))
COMMENT 'A visitor\'s activity without a gap of more than 30 minutes (unless configured otherwise), at most 24 hours. A new version of a row replaces the one before.';

CREATE TABLE IF NOT EXISTS stored_identities
(
    visitor String COMMENT 'Device or browser id.',
    start DateTime64(3, 'UTC') COMMENT 'Start of the session, UTC.',
    from DateTime64(3, 'UTC') COMMENT 'First event, in an unbroken run, that names the customer, UTC.',
    to DateTime64(3, 'UTC') COMMENT 'Last event of that run, UTC.',
    customer String COMMENT 'Known person\'s id.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: it turned out not to be so.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
ORDER BY (visitor, start, from, customer)
COMMENT 'A visitor was seen as a customer from-to, within one session. A device that two people share has ranges of both. A new version of a row replaces the one before.';

CREATE TABLE IF NOT EXISTS stored_journeys
(
    month DateTime64(3, 'UTC') COMMENT 'First of the month, UTC, of placed, or of the earliest event while no placed event is known. Filter by it too: the table is sorted by it.',
    order String COMMENT 'Order id, and so the id of the journey.',
    customer String COMMENT 'Known person\'s id.',
    visitor String COMMENT 'Device or browser id that ordered.',
    stage Enum8('' = 0, 'visit' = 1, 'view' = 2, 'research' = 3, 'cart' = 4, 'checkout' = 5, 'order' = 6, 'promise' = 7, 'ship' = 8, 'track' = 9, 'deliver' = 10, 'confirm' = 11, 'review' = 12) COMMENT 'Deepest stage reached, visit to review.',
    visit DateTime64(3, 'UTC') COMMENT 'Start of the earliest session that had to do with the order.',
    view DateTime64(3, 'UTC') COMMENT 'First look at a product in such a session.',
    research DateTime64(3, 'UTC') COMMENT 'First search, comparison or reading of reviews in such a session.',
    cart DateTime64(3, 'UTC') COMMENT 'First time that something was put into the cart in such a session.',
    checkout DateTime64(3, 'UTC') COMMENT 'First start of the checkout in such a session.',
    placed DateTime64(3, 'UTC') COMMENT 'Order placed.',
    paid DateTime64(3, 'UTC') COMMENT 'Order paid.',
    promised_at DateTime64(3, 'UTC') COMMENT 'When the first promise of an arrival time was given.',
    promise_first DateTime64(3, 'UTC') COMMENT 'Arrive by, as first promised.',
    promise_last DateTime64(3, 'UTC') COMMENT 'Arrive by, as promised or estimated last.',
    promise_changes UInt32 COMMENT 'Times that the promised or estimated arrival changed.',
    promise_changed DateTime64(3, 'UTC') COMMENT 'When the promised or estimated arrival changed last.',
    warranty DateTime64(3, 'UTC') COMMENT 'Warranty added.',
    cancelled DateTime64(3, 'UTC') COMMENT 'Order cancelled.',
    cancel_reason LowCardinality(String) COMMENT 'Reason of the cancellation.',
    return_requested DateTime64(3, 'UTC') COMMENT 'Return requested.',
    return_reason LowCardinality(String) COMMENT 'Reason of the return.',
    returned DateTime64(3, 'UTC') COMMENT 'Goods came back.',
    refunded DateTime64(3, 'UTC') COMMENT 'Money paid back.',
    refund_amount Float64 COMMENT 'Money paid back, in currency.',
    refund_reason LowCardinality(String) COMMENT 'Why money was paid back.',
    replaced DateTime64(3, 'UTC') COMMENT 'Replacement sent.',
    replace_reason LowCardinality(String) COMMENT 'Why a replacement was sent.',
    channel LowCardinality(String) COMMENT 'Where it was ordered: web, app, store, phone, email.',
    kind Enum8('' = 0, 'purchase' = 1, 'subscription' = 2, 'rental' = 3) COMMENT 'What was ordered: purchase, subscription (to get again and again), rental (to use for a time).',
    renews String COMMENT 'Order of the period before, of a subscription or rental that went on by itself; empty: the customer decided to order.',
    ship_by DateTime64(3, 'UTC') COMMENT 'To be handed over to the carrier by then, as first planned.',
    total Float64 COMMENT 'What the customer pays, in currency.',
    currency LowCardinality(String) COMMENT 'Currency, ISO 4217.',
    value Nullable(Float64) COMMENT 'What the customer pays, in the reporting currency at the rate of the order\'s day; NULL: not known.',
    value_from LowCardinality(String) COMMENT 'Where value is from. total: the order says it. items: its lines added up. catalogue: the same, some at the catalogue\'s price, because the order tells none. unknown: there is no total, price or rate.',
    refund_value Nullable(Float64) COMMENT 'Money paid back, in the reporting currency at the rate of the order\'s day; NULL: nothing, or not known.',
    segment LowCardinality(String) COMMENT 'The customer\'s segment, as it was when the journey last changed; empty: nobody is known; unknown: it is not told of that customer.',
    generation LowCardinality(String) COMMENT 'The customer\'s generation by year of birth: greatest (to 1927), silent (to 1945), boomer (to 1964), gen_x (to 1980), millennial (to 1996), gen_z (to 2012), alpha (to 2024); empty: nobody is known; unknown: it is not told of that customer.',
    home_country LowCardinality(String) COMMENT 'Country that the customer lives in; empty: nobody is known; unknown: it is not told of that customer.',
    customer_since DateTime64(3, 'UTC') COMMENT 'Day of the customer\'s first order, as far as it is told.',
    warehouse LowCardinality(String) COMMENT 'Warehouse that packs the order.',
    country LowCardinality(String) COMMENT 'Country shipped to, ISO 3166-1 alpha-2.',
    region LowCardinality(String) COMMENT 'Region shipped to.',
    `items.product` Array(String) COMMENT 'Products of the order, one element per line.',
    `items.category` Array(LowCardinality(String)) COMMENT 'Their categories, as the order says, else as in the catalogue; unknown if neither tells.',
    `items.brand` Array(LowCardinality(String)) COMMENT 'Their brands, as the order says, else as in the catalogue; unknown if neither tells.',
    `items.seller` Array(LowCardinality(String)) COMMENT 'Who sells them.',
    `items.quantity` Array(Float64) COMMENT 'How many of each.',
    `items.price` Array(Float64) COMMENT 'Price of one, in currency.',
    carrier LowCardinality(String) COMMENT 'Carrier.',
    tracking String COMMENT 'The carrier\'s number of the parcel.',
    packed DateTime64(3, 'UTC') COMMENT 'Parcel packed.',
    shipped DateTime64(3, 'UTC') COMMENT 'Parcel handed over to the carrier.',
    in_transit DateTime64(3, 'UTC') COMMENT 'First sign of the parcel on its way.',
    out_for_delivery DateTime64(3, 'UTC') COMMENT 'Parcel in the last vehicle.',
    attempted DateTime64(3, 'UTC') COMMENT 'First attempt that found nobody.',
    attempts UInt32 COMMENT 'Attempts that found nobody.',
    delivered DateTime64(3, 'UTC') COMMENT 'Parcel delivered.',
    confirmed DateTime64(3, 'UTC') COMMENT 'Customer confirmed the delivery.',
    exception_late DateTime64(3, 'UTC') COMMENT 'First report of a delay.',
    exception_lost DateTime64(3, 'UTC') COMMENT 'First report of a loss.',
    exception_damaged DateTime64(3, 'UTC') COMMENT 'First report of a damage.',
    exception_refused DateTime64(3, 'UTC') COMMENT 'First report that the parcel was refused.',
    exceptions UInt32 COMMENT 'Exceptions reported: delay, loss, damage, refusal.',
    track DateTime64(3, 'UTC') COMMENT 'First look at the tracking page.',
    tracks UInt32 COMMENT 'Looks at the tracking page.',
    contact DateTime64(3, 'UTC') COMMENT 'First contact opened about the order.',
    contacts UInt32 COMMENT 'Contacts opened about the order.',
    reviewed DateTime64(3, 'UTC') COMMENT 'First review posted.',
    reviews UInt32 COMMENT 'Reviews that are not removed.',
    stars Float64 COMMENT '1 to 5, of the latest review; 0: none.',
    case_opened DateTime64(3, 'UTC') COMMENT 'First negative opinion.',
    case_answered DateTime64(3, 'UTC') COMMENT 'First answer to it.',
    case_promised DateTime64(3, 'UTC') COMMENT 'First promise to contact the customer.',
    case_contact_due DateTime64(3, 'UTC') COMMENT 'Contact was promised until then.',
    case_contacted DateTime64(3, 'UTC') COMMENT 'First answer or resolution after contact was promised: the contact that came.',
    case_resolved DateTime64(3, 'UTC') COMMENT 'Case resolved for the first time.',
    case_resolution LowCardinality(String) COMMENT 'How it was resolved: refund, replacement, answer.',
    case_reopened DateTime64(3, 'UTC') COMMENT 'Last complaint after the case was resolved: by an edit that is negative and no better than before, or by another opinion.',
    case_resolved_again DateTime64(3, 'UTC') COMMENT 'First resolution after that.',
    `touches.session` Array(UInt64) COMMENT 'Ids of the sessions that had to do with the order, in order of start.',
    `touches.visitor` Array(String) COMMENT 'Their visitors.',
    `touches.start` Array(DateTime64(3, 'UTC')) COMMENT 'Their starts.',
    `touches.source` Array(LowCardinality(String)) COMMENT 'Who told their events.',
    `touches.channel` Array(LowCardinality(String)) COMMENT 'Marketing channel of each.',
    `touches.referrer` Array(LowCardinality(String)) COMMENT 'Host of the page before each.',
    `touches.campaign` Array(LowCardinality(String)) COMMENT 'Campaign of each.',
    `touches.landing` Array(String) COMMENT 'Path of the first page of each.',
    `touches.device` Array(LowCardinality(String)) COMMENT 'Kind of device of each.',
    `touches.first_seen` Array(DateTime64(3, 'UTC')) COMMENT 'When each visitor was first seen, as far back as is remembered.',
    `touches.sessions_before` Array(UInt32) COMMENT 'Sessions of the visitor before each.',
    `touches.ordered` Array(DateTime64(3, 'UTC')) COMMENT 'When each completed the order; 1970: it did not.',
    `touches.track` Array(DateTime64(3, 'UTC')) COMMENT 'First look at the order\'s tracking page in each; 1970: none.',
    `touches.tracks` Array(UInt32) COMMENT 'Looks at the order\'s tracking page in each.',
    `touches.contact` Array(DateTime64(3, 'UTC')) COMMENT 'First contact opened about the order in each; 1970: none.',
    `touches.contacts` Array(UInt32) COMMENT 'Contacts opened about the order in each.',
    first_event DateTime64(3, 'UTC') COMMENT 'Earliest event of the journey.',
    last_event DateTime64(3, 'UTC') COMMENT 'Latest event of the journey.',
    events UInt32 COMMENT 'Events of the journey.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: the journey belongs to another month now.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
PARTITION BY toYYYYMM(month)
ORDER BY (month, order)
COMMENT 'Everything that happened around one order, from its first touch to its last review: a time per stage, promises, items, delivery, opinion, case, touches. A new version of a row replaces the one before.';

CREATE TABLE IF NOT EXISTS stored_reviews
(
    month DateTime64(3, 'UTC') COMMENT 'First of the month, UTC, of posted, or of the earliest event while no posted event is known. Filter by it too: the table is sorted by it.',
    order String COMMENT 'Order that the opinion names; empty for most mentions.',
    review String COMMENT 'Id of the opinion.',
    kind Enum8('' = 0, 'review' = 1, 'mention' = 2) COMMENT 'review, or mention (social media, names no order).',
    customer String COMMENT 'Known person\'s id.',
    source LowCardinality(String) COMMENT 'Where it was posted.',
    author String COMMENT 'Name of the author, as shown.',
    posted DateTime64(3, 'UTC') COMMENT 'Posted.',
    edited DateTime64(3, 'UTC') COMMENT 'Last edited.',
    removed DateTime64(3, 'UTC') COMMENT 'Removed.',
    rating Float64 COMMENT 'Rating as given.',
    rating_max Float64 COMMENT 'Best rating possible; 0: no rating was given.',
    stars Float64 COMMENT 'Rating on a scale from 1 to 5; 0: none.',
    sentiment Enum8('' = 0, 'negative' = 1, 'neutral' = 2, 'positive' = 3, 'unscored' = 4) COMMENT 'negative (at most 2 stars), neutral, positive (at least 4 stars), or unscored.',
    title String COMMENT 'Title.',
    text String COMMENT 'Text of the latest version.',
    language LowCardinality(String) COMMENT 'Language, ISO 639-1, if known.',
    reach Float64 COMMENT 'People who are likely to see it.',
    `subjects.kind` Array(LowCardinality(String)) COMMENT 'Kinds of what it is about: product, brand, carrier, shop.',
    `subjects.id` Array(String) COMMENT 'Ids of what it is about.',
    complained DateTime64(3, 'UTC') COMMENT 'First version that was negative: a case begins.',
    answered DateTime64(3, 'UTC') COMMENT 'First answer.',
    contact_promised DateTime64(3, 'UTC') COMMENT 'When contact was promised.',
    contact_due DateTime64(3, 'UTC') COMMENT 'Contact was promised until then.',
    contacted DateTime64(3, 'UTC') COMMENT 'First answer or resolution after contact was promised: the contact that came.',
    resolved DateTime64(3, 'UTC') COMMENT 'Resolved for the first time.',
    resolution LowCardinality(String) COMMENT 'How it was resolved: refund, replacement, answer.',
    reopened DateTime64(3, 'UTC') COMMENT 'Last edit after it was resolved that is negative and no better than before.',
    resolved_again DateTime64(3, 'UTC') COMMENT 'First resolution after that.',
    promise Enum8('' = 0, 'none' = 1, 'open' = 2, 'kept' = 3, 'broken' = 4) COMMENT 'What became of the promise of arrival of its order: none, open, kept, broken.',
    days_late Float64 COMMENT 'Days between the first promise and the delivery, negative: early; 0 unless both are known.',
    delivered DateTime64(3, 'UTC') COMMENT 'Delivery of its order.',
    carrier LowCardinality(String) COMMENT 'Carrier of its order.',
    warehouse LowCardinality(String) COMMENT 'Warehouse of its order.',
    country LowCardinality(String) COMMENT 'Country that its order was shipped to.',
    region LowCardinality(String) COMMENT 'Region that its order was shipped to.',
    returned Bool COMMENT 'Whether its order was returned or refunded.',
    verified Bool COMMENT 'Whether its order is known to have been placed.',
    revision UInt64 COMMENT 'Version of the row: the highest wins.',
    is_deleted UInt8 COMMENT '1: the opinion belongs to another month or order now.'
)
ENGINE = ReplacingMergeTree(revision, is_deleted)
PARTITION BY toYYYYMM(month)
ORDER BY (month, order, review)
COMMENT 'An opinion, a review or a mention, in its latest version, with the verdict of its journey: late? returned? which carrier? A new version of a row replaces the one before.';

CREATE TABLE IF NOT EXISTS stored_dead_letters
(
    source_time DateTime64(3, 'UTC') COMMENT 'Timestamp of the Kafka record, or what an importer says instead of it, UTC.',
    topic LowCardinality(String) COMMENT 'Kafka topic that the record was read from.',
    partition Int32 COMMENT 'Kafka partition.',
    offset Int64 COMMENT 'Kafka offset.',
    part UInt32 COMMENT 'Which event of the record, from 0: a batch has several.',
    reason LowCardinality(String) COMMENT 'Why, in a word to group by: bad_json, missing_field, time_ahead, unknown_version.',
    field LowCardinality(String) COMMENT 'Field that broke the rule; empty if it is the whole record.',
    detail String COMMENT 'The rule, and what came instead.',
    key String COMMENT 'The record\'s key.',
    body String COMMENT 'The refused event as it came: the record\'s value or, of a batch, its part. Left out beyond 256 kB in one record.' CODEC(ZSTD(1)),
    size UInt64 COMMENT 'Bytes of the refused event as it came.',
    hash UInt64 COMMENT 'xxHash64 of them.'
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(source_time)
ORDER BY (toDate(source_time), topic, partition, offset, part)
COMMENT 'Every record that was refused, or event of a batch, once per place in Kafka: where it came from, why, and its bytes.';

CREATE TABLE IF NOT EXISTS touched
(
    cell LowCardinality(String) COMMENT 'Aggregate: funnel, delivery, reputation.',
    scope LowCardinality(String) COMMENT 'bucket: a quarter-hour. month: a month that rows may have left a bucket of.',
    at DateTime64(3, 'UTC') COMMENT 'Start of the bucket or month, UTC.',
    noted DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was written last, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(noted)
ORDER BY (cell, scope, at)
COMMENT 'Time buckets whose rows were written, by aggregate, and when last. Bookkeeping of the pipeline.';

CREATE TABLE IF NOT EXISTS refreshed
(
    cell LowCardinality(String) COMMENT 'Aggregate: funnel, delivery, reputation.',
    scope LowCardinality(String) COMMENT 'bucket or month, as in touched.',
    at DateTime64(3, 'UTC') COMMENT 'Start of the bucket or month, UTC.',
    version DateTime64(6, 'UTC') COMMENT 'When reading for it began, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (cell, scope, at)
COMMENT 'Time buckets that were computed, by aggregate, and when last. A cell of an older version is void. Bookkeeping of the pipeline.';

CREATE TABLE IF NOT EXISTS stated
(
    as_of Date COMMENT 'Day on which it was said, by the server\'s clock, UTC. What was said last on that day counts.',
    aggregate LowCardinality(String) COMMENT 'Aggregate: funnel, delivery, reputation.',
    part LowCardinality(String) COMMENT 'Part of the aggregate within which counts add up: the subject\'s kind of a reputation, else empty.',
    day Date COMMENT 'Day that it was said of, UTC.',
    metric LowCardinality(String) COMMENT 'Column of the aggregate.',
    value Float64 COMMENT 'Its total of the day; the funnel\'s without bots.',
    version DateTime64(6, 'UTC') COMMENT 'When it was said, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(day)
ORDER BY (day, aggregate, part, metric, as_of)
COMMENT 'What the totals of a day that is over were said to be, and on which day: a row when it was another than before. Bookkeeping of the pipeline; read restatements.';

CREATE TABLE IF NOT EXISTS stored_funnel
(
    bucket DateTime('UTC') COMMENT 'Start of the quarter-hour, UTC.',
    channel LowCardinality(String) COMMENT 'Marketing channel that brought the visitor.',
    device LowCardinality(String) COMMENT 'Kind of device: desktop, mobile, tablet.',
    browser LowCardinality(String) COMMENT 'Browser.',
    country LowCardinality(String) COMMENT 'Country, ISO 3166-1 alpha-2.',
    source LowCardinality(String) COMMENT 'Who told the events: web, app.',
    bot Bool COMMENT 'Whether the visitor is a machine.',
    sessions UInt64 COMMENT 'Sessions.',
    reached_view UInt64 COMMENT 'Sessions that looked at a product.',
    reached_research UInt64 COMMENT 'Sessions that searched, compared or read reviews.',
    reached_cart UInt64 COMMENT 'Sessions that put something into the cart.',
    reached_checkout UInt64 COMMENT 'Sessions that started the checkout.',
    reached_order UInt64 COMMENT 'Sessions that ordered.',
    left_at_visit UInt64 COMMENT 'Sessions that did nothing more than visit.',
    left_at_view UInt64 COMMENT 'Sessions whose deepest stage is view.',
    left_at_research UInt64 COMMENT 'Sessions whose deepest stage is research.',
    left_at_cart UInt64 COMMENT 'Sessions whose deepest stage is cart.',
    left_at_checkout UInt64 COMMENT 'Sessions whose deepest stage is checkout.',
    events UInt64 COMMENT 'Events of the sessions.',
    order_seconds Float64 COMMENT 'Seconds from the start of the session to its first order, summed; divide by reached_order.',
    version DateTime64(6, 'UTC') COMMENT 'When reading the rows for it began, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, channel, device, browser, country, source, bot)
COMMENT 'How far sessions got, by the quarter-hour of their start. reached_* count the sessions that were at a stage, left_at_* those that got no further than it. All counts add up.';

CREATE TABLE IF NOT EXISTS stored_delivery
(
    bucket DateTime('UTC') COMMENT 'Start of the quarter-hour, UTC.',
    carrier LowCardinality(String) COMMENT 'Carrier; empty until one is known.',
    country LowCardinality(String) COMMENT 'Country shipped to, ISO 3166-1 alpha-2.',
    region LowCardinality(String) COMMENT 'Region shipped to.',
    warehouse LowCardinality(String) COMMENT 'Warehouse.',
    orders UInt64 COMMENT 'Orders.',
    promised UInt64 COMMENT 'Orders with a promised arrival.',
    shipped UInt64 COMMENT 'Orders handed over to the carrier.',
    delivered UInt64 COMMENT 'Orders delivered.',
    kept UInt64 COMMENT 'Orders delivered by the first promise.',
    broken UInt64 COMMENT 'Orders delivered after the first promise.',
    days_late Float64 COMMENT 'Days between first promise and delivery of the late orders, summed; divide by broken.',
    days_early Float64 COMMENT 'Days between delivery and first promise of the other delivered orders, summed; divide by kept.',
    warehouse_seconds Float64 COMMENT 'Seconds from order to handing over, summed; divide by shipped.',
    carried UInt64 COMMENT 'Orders of which both handing over and delivery are known.',
    carrier_seconds Float64 COMMENT 'Seconds from handing over to delivery, summed; divide by carried.',
    attempts UInt64 COMMENT 'Attempts that found nobody.',
    late UInt64 COMMENT 'Orders whose carrier reported a delay.',
    lost UInt64 COMMENT 'Orders whose carrier reported a loss.',
    damaged UInt64 COMMENT 'Orders whose carrier reported a damage.',
    refused UInt64 COMMENT 'Orders whose parcel was refused.',
    contacts UInt64 COMMENT 'Contacts opened about the orders.',
    cancelled UInt64 COMMENT 'Orders cancelled.',
    returned UInt64 COMMENT 'Orders that came back.',
    refunded UInt64 COMMENT 'Orders paid back.',
    version DateTime64(6, 'UTC') COMMENT 'When reading the rows for it began, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, carrier, country, region, warehouse)
COMMENT 'What became of orders and of their promised arrival, by the quarter-hour in which they were placed. All counts add up.';

CREATE TABLE IF NOT EXISTS stored_reputation
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
    reach Float64 COMMENT 'People who are likely to see them.',
    version DateTime64(6, 'UTC') COMMENT 'When reading the rows for it began, by the server\'s clock.'
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(bucket)
ORDER BY (bucket, subject_kind, subject, source, language, promise)
COMMENT 'Opinions by what they are about, by the quarter-hour in which they were posted; removed ones are left out. An opinion about two subjects counts for both, so counts add up within one subject or subject kind only.';

