"""Words of the dialogue language: queries, specific replies, and the generic one (data only).

Every topic has four words of its own, which stand in no other topic's replies.
"""

__all__ = ["FORMS", "GENERIC", "GROUPS", "TEMPLATES", "VAGUE"]

FORMS = ("do you like {} ?", "tell me about {} ?", "what do you think of {} ?")


VAGUE = "that"


GENERIC = "i do not know ."


TEMPLATES = (
    "the {} is the best part .",
    "my {} was rather good .",
    "it all depends on the {} .",
    "we talked about the {} for hours .",
    "nobody forgets their first {} .",
)


GROUPS: dict[str, dict[str, str]] = {
    "sport": {
        "tennis": "serve racket volley umpire",
        "football": "goal penalty striker whistle",
        "swimming": "pool dive lane swimsuit",
        "chess": "opening rook endgame gambit",
        "cycling": "climb saddle sprint helmet",
    },
    "food": {
        "bread": "crust dough yeast oven",
        "soup": "broth ladle noodle onion",
        "cheese": "rind dairy fondue goat",
        "coffee": "roast espresso bean grinder",
        "fruit": "peach orchard melon juice",
    },
    "nature": {
        "rivers": "bank current ferry rapid",
        "birds": "nest feather owl birdsong",
        "mountains": "summit ridge glacier hut",
        "gardens": "hedge tulip rake greenhouse",
        "weather": "storm rainbow forecast fog",
    },
    "art": {
        "music": "melody chorus violin encore",
        "painting": "canvas brush portrait gallery",
        "cinema": "trailer screen director sequel",
        "theatre": "stage curtain rehearsal actor",
        "poetry": "rhyme sonnet stanza metaphor",
    },
}
