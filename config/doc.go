// Package config turns the operator's configuration into one value.
//
// There are two forms. A ConfigMap holds every option as text under a flat
// key; an OperatorConfiguration object holds the same options typed and
// grouped. FromConfigMap and FromObject read them, both into Config.
//
// Everything known about an option stands in the tags of its field, once:
//
//	key       key in a ConfigMap, and last part of the path in an object
//	default   value when the option is absent
//	schema    default in the schema of OperatorConfiguration, where it differs
//	code      value when the whole group is absent from an object, where it differs
//	empty     "default": an empty text means the default instead of nothing
//	allowed   the values to choose from
//	min, max  bounds of a number
//	format    a check by name, see formats
//	placeholders  what a template may hold in braces
//	required  an empty value is an error
//	secret    the value is masked wherever it is printed
//	restart   a change needs a new start of the operator process
//	only      the one form that has the option
//	doc       what it does
//
// Options lists them for documentation and for checks of samples and schemas.
//
// A Config is a value and must not be changed after loading: copies share
// their maps and lists.
package config

//go:generate go run ../generate/configdoc -root ..
