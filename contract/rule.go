package contract

// Rule names what a finding is about. The names are part of the API: exceptions are written with them.
type Rule string

// The rules that compare what a writer writes with what a reader reads.
const (
	// RuleBody: one side sends a body where the other has none.
	RuleBody Rule = "body"
	// RuleType: another type, such as a string for a number.
	RuleType Rule = "type"
	// RuleNull: null may be written and is not read.
	RuleNull Rule = "null"
	// RuleFormat: another form of the same type, such as any text for a time.
	RuleFormat Rule = "format"
	// RuleEncoding: bytes that are encoded in another way, or are something else.
	RuleEncoding Rule = "encoding"
	// RuleRange: numbers beyond what the reader takes.
	RuleRange Rule = "range"
	// RuleRounding: numbers that the reader rounds, such as an int64 in a double.
	RuleRounding Rule = "rounding"
	// RuleEnum: values that the reader does not know.
	RuleEnum Rule = "enum"
	// RuleRequired: a member that the reader needs may be missing.
	RuleRequired Rule = "required"
	// RuleIgnored: a member that the reader ignores.
	RuleIgnored Rule = "ignored"
	// RuleClosed: a member that the reader refuses.
	RuleClosed Rule = "closed"
	// RuleCase: a member whose name the reader spells with other capitals.
	RuleCase Rule = "case"
	// RuleLength: an array that is longer or shorter than the reader takes.
	RuleLength Rule = "length"
	// RuleUnion: none of the reader's alternatives takes all of what is written.
	RuleUnion Rule = "union"
	// RuleOpaque: cannot tell, because the writer does not say what it writes.
	RuleOpaque Rule = "opaque"
	// RuleKeyword: cannot tell, because of a keyword that is not compared.
	RuleKeyword Rule = "keyword"
	// RuleLimit: cannot tell, because there is too much to compare, or too much was found.
	RuleLimit Rule = "limit"
)

// The rules about endpoints.
const (
	// RuleSubject: requests go to a subject that is not served.
	RuleSubject Rule = "subject"
	// RuleContentType: a content type that is not accepted.
	RuleContentType Rule = "content-type"
	// RuleIdempotent: a client sends again what must not run twice.
	RuleIdempotent Rule = "idempotent"
	// RuleQueueGroup: another queue group, so that requests run once in each of them.
	RuleQueueGroup Rule = "queue-group"
	// RuleTimeout: another time for a request.
	RuleTimeout Rule = "timeout"
	// RuleDeprecated: the endpoint should not be used any more.
	RuleDeprecated Rule = "deprecated"
	// RuleName: another name for what is on the same subject.
	RuleName Rule = "name"
	// RuleErrorUnknown: a declared error that a client does not know.
	RuleErrorUnknown Rule = "error-unknown"
	// RuleErrorRenamed: a declared error under a tag that a client does not know.
	RuleErrorRenamed Rule = "error-renamed"
	// RuleErrorCode: another code for the same error.
	RuleErrorCode Rule = "error-code"
	// RuleAdded: an endpoint that was not there.
	RuleAdded Rule = "endpoint-added"
	// RuleRemoved: an endpoint that is not there any more.
	RuleRemoved Rule = "endpoint-removed"
	// RuleRenamed: an endpoint under another name and subject.
	RuleRenamed Rule = "endpoint-renamed"
	// RuleException: an exception that cannot be used, or accepts nothing.
	RuleException Rule = "exception"
)
