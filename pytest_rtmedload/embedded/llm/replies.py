"""The replies of the embedded LLM: short medical texts, the same for the same seed and prompt.

The rule: a reply takes up what the patient said last, gives one piece of advice and asks one question, as the prompt of
a medical voice agent demands; an emergency is sent to the emergency number. Tokens are word pieces of at most eight
letters, which gives English text about as many as a real tokenizer does.
"""

from __future__ import annotations

import random
import re
from itertools import cycle, islice
from typing import Final, NamedTuple

_PIECE: Final = re.compile(r"\s*(?:\w{1,8}|[^\w\s])|\s+")


class Topic(NamedTuple):
    """A subject of conversation: the words that indicate it, and the replies to it."""

    words: frozenset[str]
    openings: tuple[str, ...]
    advice: tuple[str, ...]
    questions: tuple[str, ...]


def _topic(words: str, openings: tuple[str, ...], advice: tuple[str, ...], questions: tuple[str, ...]) -> Topic:
    return Topic(frozenset(words.split()), openings, advice, questions)


GENERAL: Final = _topic(
    "",
    ("Thank you for calling.", "I understand, and I am glad that you called.", "I hear you."),
    (
        "I can help you with symptoms, medication, lab results and appointments.",
        "Let me note that down, so that your care team has it in your chart.",
    ),
    ("Could you tell me a little more about what brings you here today?", "When did this begin, and is it new to you?"),
)
TOPICS: Final = (
    _topic(
        "chest heart cardiac pressure arm",
        ("Chest pain can be serious.", "I am taking your chest pain seriously."),
        (
            "Please call 911 now, sit down and do not drive yourself; an ambulance is the safest way to the hospital.",
            "Call 911 right away, and chew an aspirin if you are not allergic to it and nobody has told you not to.",
        ),
        ("Does the pain spread to your arm, your jaw or your back?", "Are you sweating, dizzy or short of breath?"),
    ),
    _topic(
        "breath breathe breathing asthma wheezing inhaler choking",
        ("Trouble with breathing needs help at once.", "Let us look at your breathing first."),
        (
            "Please call 911 now if you cannot finish a sentence, and sit upright while the ambulance is on its way.",
            "Use your rescue inhaler if you have one, and call the emergency number if it brings no relief.",
        ),
        ("Are your lips or your fingertips turning blue?", "Did it begin suddenly, or over the last few days?"),
    ),
    _topic(
        "allergic allergy swelling hives bee sting peanut throat",
        ("This sounds like an allergic reaction.", "A strong allergic reaction is an emergency."),
        (
            "Use your epinephrine pen now if you have one, and call 911 even if you feel better afterwards.",
            "If your tongue or your throat is swelling, call 911 at once and lie down with your legs raised.",
        ),
        ("Is it getting harder to swallow or to breathe?", "What did you eat or touch before it began?"),
    ),
    _topic(
        "medication medicine pill pills dose nausea rash dizzy side effect effects",
        ("Side effects of a new medication are common.", "Let us go through your medication together."),
        (
            "Please do not stop it on your own; a smaller dose or another time of day often helps.",
            "Take it with food and plenty of water, and keep a short list of when the effects come and go.",
        ),
        ("Which dose do you take, and since when?", "Do you take anything else, vitamins included?"),
    ),
    _topic(
        "suicide hopeless die anxious anxiety panic depressed depression hurt myself alone crisis",
        ("I am glad that you told me.", "You are not alone with this."),
        (
            "You can call or text 988 at any hour, and a counselor of the crisis line will listen to you.",
            "If you might hurt yourself, call 988 now; I will stay on the line with you.",
        ),
        ("Are you safe where you are right now?", "Is there somebody who can be with you tonight?"),
    ),
    _topic(
        "injury ankle wrist fell fall cut bleeding burn sprain twisted knee broken",
        ("I am sorry that you were hurt.", "Let us see how bad the injury is."),
        (
            "Rest it, keep it raised, and put ice wrapped in a cloth on it for twenty minutes at a time.",
            "Press a clean cloth on the wound for ten minutes, and go to urgent care if it does not stop bleeding.",
        ),
        ("Can you put weight on it?", "Is there numbness, or does it look out of shape?"),
    ),
    _topic(
        "checkup physical annual vaccine screening preventive",
        ("A yearly checkup is a good idea.", "I can arrange your annual checkup."),
        (
            "It takes about half an hour; please do not eat for eight hours before the blood test.",
            "Bring a list of your medication and of the vaccines you have had.",
        ),
        ("Would a morning or an afternoon suit you better?", "Has anything changed since your last visit?"),
    ),
    _topic(
        "lab labs result results blood test cholesterol glucose sugar",
        ("Your lab results are in.", "I have your results in front of me."),
        (
            "Most values are normal; your cholesterol is slightly high, and your diet is the first thing to look at.",
            "Your blood sugar is a little above normal, so your doctor would like to repeat the test in three months.",
        ),
        ("Shall I send you a copy of the results?", "Would you like to talk about them with your doctor?"),
    ),
    _topic(
        "refill prescription pharmacy renew run out",
        ("I can help you with that refill.", "Let us renew your prescription."),
        (
            "I will send it to your pharmacy, and it should be ready tomorrow after noon.",
            "One refill is left, and after that your doctor needs to see you once.",
        ),
        ("Is it still the same pharmacy?", "How many days of it do you have left?"),
    ),
    _topic(
        "appointment schedule follow visit book reschedule",
        ("Let us find you an appointment.", "I can book that visit for you."),
        (
            "There is an opening on Tuesday at ten, and another on Thursday in the afternoon.",
            "Your follow up visit takes fifteen minutes, and it can be by video if you like.",
        ),
        ("Which of these suits you?", "Is the phone number in your chart still right?"),
    ),
)


def compose(seed: int, turns: list[tuple[str, str]], tokens: int | None = None) -> list[str]:
    """The reply to a conversation, as its tokens, which joined are its text.

    Args:
        seed: of the service.
        turns: role and text of each message, in order.
        tokens: the number of tokens; None for the reply's own length.
    """
    generator = random.Random(f"{seed}/{turns}")
    topic = _topic_of([text for role, text in turns if role == "user"])
    parts = (topic.openings, topic.advice, topic.questions)
    pieces = pieces_of(" ".join(generator.choice(part) for part in parts))
    if tokens is None:
        return pieces
    return list(islice(cycle([*pieces, " "]) if tokens > len(pieces) else pieces, tokens))


def pieces_of(text: str) -> list[str]:
    """The tokens of a text; joined they are the text."""
    return _PIECE.findall(text)


def prompt_tokens(turns: list[tuple[str, str]]) -> int:
    """Tokens of a conversation, with the four that frame a message and the three that begin the reply."""
    return sum(4 + len(pieces_of(text)) for _, text in turns) + 3


def _topic_of(said: list[str]) -> Topic:
    """The topic of the last utterance that has one."""
    for text in reversed(said):
        words = set(re.findall(r"[a-z]+", text.lower()))
        best = max(TOPICS, key=lambda topic: len(topic.words & words))
        if best.words & words:
            return best
    return GENERAL
