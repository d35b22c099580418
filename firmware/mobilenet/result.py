# SPDX-License-Identifier: MIT
"""What a Classifier says about one picture."""


class Result:
    """The outcome for one picture.

    image       name of the picture, without its folder
    top         list of (label, index, confidence), best first; empty after an error
    unknown     whether the best confidence is below the model's `unknown_below`
    us          dict of microseconds: "read" (and decode), "resize" (crop, resize, quantize), "invoke"
    picture     the firmware's image object that was classified; None where pictures are plain bytes
    turned      whether `picture` is upside down
    error       the GalagoError that prevented classification, or None
    """

    def __init__(self, image):
        self.image = image
        self.top = []
        self.unknown = False
        self.us = {}
        self.picture = None
        self.turned = False
        self.error = None

    def __repr__(self):
        if self.error:
            return "%s: error: %s" % (self.image, self.error.message)
        text = ", ".join(["%s %.1f %%" % (label, 100 * share) for label, _, share in self.top])
        return "%s: %s%s" % (self.image, "unknown, " if self.unknown else "", text)

    @property
    def label(self):
        """The label of the best class, or None after an error."""
        return self.top[0][0] if self.top else None

    @property
    def confidence(self):
        """The probability of the best class, 0 to 1; 0 after an error."""
        return self.top[0][2] if self.top else 0.0
