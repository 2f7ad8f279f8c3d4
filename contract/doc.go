// Package contract describes endpoints as documents, which any language can read, and compares them: does what an old
// client sends mean the same to a new service, and the other way round?
//
// It stands alone: it knows no connection, no Go type and no handler, imports the standard library only, and runs nothing
// because of what a document says.
//
// # The document
//
// A [Document] is the contract of one endpoint: its subject, the content types that it accepts, its request, its reply
// and its declared errors as JSON Schema 2020-12, and words for people. [Parse] reads one from anybody, bounded in size
// and depth; [Document.Bytes] writes it, in the one form of RFC 8785. As JSON it is an object with these members, of
// which the first three are always there:
//
//	typednats      the version of this format, 1
//	name, subject  of the endpoint
//	parameters     names of the parts of the subject that a request fills in; nothing writes them yet
//	description    for people
//	deprecated     why it should not be used any more
//	idempotent     true if running a request twice does no harm
//	timeout_ms     the most that a request may take, in milliseconds
//	queue_group    a name, or false for none; without it, the service decides
//	content_types  what is accepted, first what a client sends if it is not told otherwise
//	request, reply a schema each; without one, the body is empty
//	examples       an array of objects with request and reply
//	errors         an array of objects with tag, aliases, code (if it is always the same) and schema
//	variants       content types for which bodies look different, to objects with request, reply, and errors by tag
//	$defs          the schemas that others refer to as #/$defs/name
//
// [Schema] has the keywords that are compared. Others are kept, and what they could matter for is a finding: a warning
// that says "cannot tell". Two of them are not of JSON Schema: x-keys is the schema of what the names of other members
// stand for, if that is not text, and x-msgpack-name is the name of a member in msgpack. All other keywords that begin
// with x- are for other programs, and mean nothing here.
//
// # The digest
//
// [Document.Digest] names what a document says, without the words: 22 characters, the same for every process, machine and
// language. To compute it elsewhere: take out the annotations, write the rest as RFC 8785 says, hash it with SHA-256, and
// encode the first 16 bytes with base64url, without padding.
//
// # Comparing
//
// [Fits] asks of a writer and a reader: does every value that the writer can write mean the same to the reader? Of a
// request the client is the writer, of a reply and an error the service. Everything else follows from that one question.
// [Meet] asks it of a client and a service that were made with two documents. [Diff] does so for both orders of rollout:
// with the service first, old clients meet the new service; with the clients first, new clients meet the old one.
// [DiffAll] does for all endpoints of a service.
//
// A writer writes the members that its schema names, and others only if it has additionalProperties. A reader ignores
// members that it does not name, unless it has additionalProperties for them.
//
// What is found has a [Level]: breaking if a call fails or a value changes its meaning, warning if something is ignored,
// arrives as something more general, or cannot be told, info if nobody is hurt.
//
// # What is compared in bodies
//
//	body           breaking  one side sends an empty body where the other reads one
//	type           breaking  another type; a number where an integer is read
//	null           breaking  null may be written, and is not read
//	format         breaking  another format, and date-time where any text is read or written
//	               warning   a format is read that the writer does not promise: cannot tell
//	encoding       breaking  another contentEncoding, another kind of body, another contentMediaType
//	               warning   a media type is read that the writer does not promise: cannot tell
//	range          breaking  numbers beyond minimum, maximum and format of the reader
//	rounding       warning   numbers that the reader rounds: an int64 in a double, or in a number without a format
//	enum           breaking  values that the reader does not list
//	required       breaking  a member that the reader needs is not written, or not always
//	ignored        warning   the reader ignores a member; in a request only, for who reads a reply knows what it wants
//	closed         breaking  the reader refuses a member
//	case           warning   a name that the reader spells with other capitals, which Go takes for the same
//	length         breaking  an array that is longer or shorter than the reader takes
//	union          breaking  none of several alternatives of the reader takes all that is written
//	               warning   cannot tell whether one does
//	opaque         warning   the writer does not say what it writes, and the reader is particular: cannot tell
//	keyword        warning   a keyword that is not compared: cannot tell
//	limit          warning   there is too much to compare: cannot tell
//	               any       there are more findings of the level than are listed
//
// Whatever follows from a change follows from these. To add an optional member to a request is safe for old clients, and
// a warning for new ones that meet an old service. To need a new member breaks old clients, and so on.
//
// # What is compared around them
//
//	subject           breaking  the client sends to a subject that the service does not serve
//	content-type      breaking  the service does not accept what the client sends
//	                  warning   it does not accept what the client can be told to send
//	idempotent        breaking  the client may send a request again, and the service does not say that it can run twice
//	queue-group       warning   another queue group: while both run, a request runs once in each
//	timeout           info      another time for a request
//	deprecated        info      the endpoint is deprecated now
//	name              info      another name on the same subject
//	error-unknown     warning   an error that the client does not know arrives as a ServiceError
//	error-renamed     breaking  an error under a tag that the client does not know, and has another one for
//	error-code        warning   another code for the same error, or one that varies
//	endpoint-removed  breaking  an endpoint that is not served any more
//	endpoint-renamed  breaking  an endpoint that is served under another name and subject only
//	endpoint-added    info      an endpoint that was not there
//	exception         warning   an exception accepts nothing
//	                  breaking  an exception has no reason, or no rule
//
// Words, examples and annotations are never compared.
//
// # Exceptions
//
// [Except] accepts findings, by rule, endpoint and path, each with a reason. An exception that accepts nothing any more
// is a finding itself.
package contract
