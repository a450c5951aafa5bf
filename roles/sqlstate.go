package roles

import (
	"fmt"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// serverProblem words a refusal of the server for the person who can do something about it. The
// server's message cannot hold a password: it never got one.
func serverProblem(refused *pq.Error, s Statement) Problem {
	reason := fmt.Sprintf("%s: %s", s.Action, refused.Message)
	if advice := adviceFor(string(refused.Code), s); advice != "" {
		reason += "; " + advice
	}
	return Problem{Item: s.Item, Field: s.field, Reason: reason, SQLState: string(refused.Code)}
}

// adviceFor says what to do about an error, by its code.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func adviceFor(code string, s Statement) string {
	extension := strings.HasPrefix(s.Item, "extension ")
	switch pqerror.Code(code) {
	case pqerror.UndefinedFile, pqerror.FeatureNotSupported:
		if extension {
			return "the image does not have this extension, or its version of Postgres does not allow this"
		}
	case pqerror.InvalidSchemaName:
		return "name an existing schema, or add it to the schemas of the prepared database"
	case pqerror.UndefinedObject:
		return "create what is missing, or take it out of the manifest"
	case pqerror.InsufficientPrivilege:
		return "the role in the superuser's Secret has to be a superuser"
	case pqerror.ReadOnlySQLTransaction:
		return "the server is no longer a primary; the next sync goes to the new one"
	case pqerror.LockNotAvailable:
		return "another session holds a lock; the next sync tries again"
	case pqerror.QueryCanceled:
		return "the statement took too long; the next sync tries again"
	case pqerror.ObjectInUse:
		return "somebody is connected to the template database; the next sync tries again"
	case pqerror.InvalidGrantOperation:
		return "memberships would go in a circle; revoke the one that stands against it"
	case pqerror.InvalidParameterValue, pqerror.CantChangeRuntimeParam, pqerror.InvalidTextRepresentation:
		return "correct the value"
	case pqerror.TooManyConnections:
		return "free connections or raise max_connections"
	case pqerror.DuplicateObject, pqerror.DuplicateDatabase, pqerror.DuplicateSchema, pqerror.TRSerializationFailure, pqerror.InternalError:
		return "somebody else changed it at the same time; the next sync tries again"
	case pqerror.InvalidFunctionDefinition:
		return "another function of this name is in the way; drop it"
	}
	return ""
}
