"""What any program may write: plain `input` and `output`, HTTP and database spans. The last resort."""

from tracen_otel.attributes import read_json
from tracen_otel.dialects.table import Dialect, Reading, means
from tracen_otel.model import StepKind

GENERIC = Dialect(
    name="Generic",
    kind=(
        Reading("http.request.method", means(StepKind.HTTP)),
        Reading("http.method", means(StepKind.HTTP)),
        Reading("db.system.name", means(StepKind.DB)),
        Reading("db.system", means(StepKind.DB)),
    ),
    input=(Reading("input", read_json), Reading("inputs", read_json)),
    output=(Reading("output", read_json), Reading("outputs", read_json)),
)
