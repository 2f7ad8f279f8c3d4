// Package explorer is a page that shows what runs on a NATS account: services, their endpoints and instances, how much they
// do, what they speak, and how to call them. [Handler] makes an [net/http.Handler] of it, for a program to mount where it likes:
//
//	http.Handle("/explore/", http.StripPrefix("/explore", explorer.Handler(nc)))
//
// The page needs nothing from elsewhere: no script, no style, no font. It asks the services themselves, as
// [github.com/typednats/typednats/discovery] does: STATS every two seconds, INFO every thirty and when somebody new is there,
// contracts when somebody looks at an endpoint. One goroutine asks for all who look, and there is none while nobody does. The
// connection needs no more permission than to publish to $SRV.> and _TYPEDNATS.CONTRACT.>, and to subscribe to its inbox.
//
// # What is shown
//
// Requests and errors in a second, and the mean time of a request, are differences of what instances have counted, over five
// minutes. An instance that has started anew, or whose counters fall, begins from there. Errors are all error replies, those
// that an endpoint declares included. Versions, contracts and queue groups that differ between instances are marked.
//
// A page that does not show everything says so: a connection that is lost, more endpoints than [WithMaxEndpoints], answers that
// cannot be read.
//
// # Safety
//
// Everybody on the account can answer, so what comes is bounded, is shown as text and never as anything else. The page calls no
// endpoint, unless the program allows it with [WithCalls]. Requests that change something are refused if they come from another
// site. Who may see the page is for the program to decide, with a handler of its own around this one.
package explorer
