package schema

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/api/resource"
)

// exponent is what follows the digits of a quantity in scientific notation.
var exponent = regexp.MustCompile(`[eE][+-]?[0-9]*([0-9]{3})$`)

// ParseQuantity reads a resource quantity as objects hold it: text or a number.
// It refuses exponents of three digits and more: computing with 1e2147483647
// would take hours, and no resource is of that size.
func ParseQuantity(v any) (resource.Quantity, error) {
	text, isText := v.(string)
	if _, isNumber := number(v); !isText && !isNumber {
		return resource.Quantity{}, resource.ErrFormatWrong
	}
	if !isText {
		text = fmt.Sprint(v)
	}
	if len(text) > 64 || exponent.MatchString(text) {
		return resource.Quantity{}, resource.ErrNumeric
	}
	return resource.ParseQuantity(text)
}
