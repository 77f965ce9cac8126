package pyengine;

import java.io.IOException;

/* A message that does not follow the protocol, or a value that cannot cross. */
final class WireError extends IOException {
    private static final long serialVersionUID = 1;

    WireError(String message) {
        super(message);
    }
}
