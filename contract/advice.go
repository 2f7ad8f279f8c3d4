package contract

// advice returns what to do instead of what a rule finds.
func advice(rule Rule) string {
	switch rule {
	case RuleBody:
		return "make it an endpoint of its own"
	case RuleType, RuleFormat, RuleEncoding, RuleLength, RuleUnion:
		return "add a member of another name, and remove this one when nobody uses it"
	case RuleNull:
		return "have everybody read null before anybody writes it"
	case RuleRange:
		return "have everybody read the wider range before anybody writes it"
	case RuleRounding:
		return `write it as text, as the tag option ",string" does, if its digits matter`
	case RuleEnum:
		return "have everybody know a value before anybody writes it"
	case RuleRequired:
		return "make it optional until everybody writes it, and keep writing it while somebody reads it"
	case RuleIgnored:
		return "do not rely on it until everybody reads it"
	case RuleClosed:
		return "have readers ignore what they do not know"
	case RuleCase:
		return "spell names alike"
	case RuleOpaque:
		return "describe the type, or accept this with the reason why it fits"
	case RuleKeyword:
		return "compare this by hand, and accept it with the reason why it fits"
	case RuleLimit:
		return "compare smaller documents"
	case RuleSubject, RuleRemoved, RuleRenamed:
		return "serve the old subject as well, as an endpoint beside the new one, until nobody calls it"
	case RuleContentType:
		return "accept it besides the others until nobody sends it"
	case RuleIdempotent:
		return "have no client send requests again before the service can take that, and none when it cannot any more"
	case RuleQueueGroup:
		return "keep the group, or expect requests to run once in each while both are served"
	case RuleErrorUnknown:
		return "have clients know the error before a service returns it"
	case RuleErrorRenamed:
		return "have clients know the new tag as an alias before a service sends it"
	case RuleErrorCode:
		return "keep the code for clients that know errors by it"
	case RuleDeprecated:
		return "stop calling it"
	case RuleTimeout, RuleName, RuleAdded, RuleException:
		return ""
	default:
		return ""
	}
}
