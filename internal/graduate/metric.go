package graduate

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// Metric is a live hook that watches the answers of its role's app for a while: where too many are the app's own
// failures (5xx) it fails, and the release is taken back.
type Metric struct {
	// For is how long to watch; zero means the default.
	For time.Duration `json:"for,omitempty"`
	// Max5xx is the share of answers with a status of 500 and above that is let pass, in percent.
	Max5xx float64 `json:"max_5xx"`
}

// DefaultMetricFor is how long a metric watches where nothing is said.
const DefaultMetricFor = 30 * time.Second

// Window is For with the default filled in.
func (m Metric) Window() time.Duration { return cmp.Or(m.For, DefaultMetricFor) }

// Limit is Max5xx as people write it: 0.5%.
func (m Metric) Limit() string { return strconv.FormatFloat(m.Max5xx, 'f', -1, 64) + "%" }

// String says in words what is watched.
func (m Metric) String() string { return fmt.Sprintf("at most %s 5xx", m.Limit()) }
