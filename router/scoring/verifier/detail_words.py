"""Tables of words in which requests differ by one detail."""

from __future__ import annotations

from collections import defaultdict

_OPPOSED = """
on/off true/false yes/no accept/decline accept/reject approve/reject allow/forbid allow/block allow/prevent
arrive/depart arrive/leave arrival/departure backward/forward backwards/forwards begin/end start/end big/small
bigger/smaller biggest/smallest bottom/top bright/dark child/adult children/adults clean/dirty connect/disconnect
create/delete add/delete insert/delete make/break deep/shallow deposit/withdraw deposit/withdrawal dry/wet empty/full
enter/exit enter/leave even/odd expand/collapse fail/pass fat/thin follow/unfollow freeze/thaw freeze/melt front/back
front/rear
happy/sad heavy/light heavier/lighter heaviest/lightest hide/show horizontal/vertical include/exclude
including/excluding inclusive/exclusive income/expenses indoor/outdoor indoors/outdoors input/output internal/external
join/leave load/unload loud/quiet major/minor mother/father mom/dad mum/dad husband/wife son/daughter brother/sister
aunt/uncle nephew/niece grandmother/grandfather he/she his/her north/south east/west northern/southern
eastern/western older/younger oldest/youngest oldest/newest older/newer online/offline pause/resume pros/cons
benefits/drawbacks benefits/risks strengths/weaknesses raise/lower row/column rows/columns save/discard save/spend
single/married singular/plural sunrise/sunset summer/winter spring/autumn spring/fall morning/evening am/pm day/night
mute/unmute subscribe/unsubscribe tall/short taller/shorter tallest/shortest tighten/loosen thick/thin
uppercase/lowercase upper/lower warm/cool warm/cold warmer/colder hotter/colder hot/cold better/worse zip/unzip
mount/unmount merge/split append/prepend prefix/suffix mandatory/optional client/server employee/employer
tenant/landlord debit/credit buyer/seller lender/borrower shorter/longer shortest/longest smallest/largest
lowest/highest lower/higher slower/faster slowest/fastest cheaper/dearer cheapest/dearest weaker/stronger
weakest/strongest fewer/more less/more raw/cooked present/past winner/loser winners/losers won/lost wins/losses
increase/decrease increase/reduce increase/lower increases/decreases increasing/decreasing rising/falling rise/fall
rises/falls open/close opened/closed open/closed opening/closing lock/unlock start/stop begin/stop continue/stop
buy/sell buying/selling bought/sold best/worst good/bad before/after enable/disable enabled/disabled add/remove
install/remove first/last earliest/latest earlier/later most/least ascending/descending gain/lose always/never
with/without import/export upload/download push/pull male/female man/woman boy/girl men/women boys/girls old/new
long/short high/low fast/slow rich/poor cheap/expensive advantage/disadvantage advantages/disadvantages love/hate
like/hate possible/impossible legal/illegal safe/dangerous safe/unsafe encode/decode encrypt/decrypt compress/decompress
install/uninstall maximum/minimum max/min left/right up/down inside/outside above/below over/under early/late
easy/hard easy/difficult public/private send/receive sent/received teach/learn borrow/lend give/take give/get
strong/weak positive/negative activate/deactivate attach/detach follow/ignore inhale/exhale inflate/deflate
hire/fire marry/divorce multiply/divide multiplied/divided plus/minus add/subtract sum/difference odd/even sharp/blunt
smooth/rough sweet/sour synonym/antonym synonyms/antonyms true/untrue visible/invisible visible/hidden wake/sleep
win/lose sender/recipient teacher/student doctor/patient parent/child parents/children host/guest import/exports
gross/net fixed/variable formal/informal polite/rude active/passive forward/reverse clockwise/counterclockwise
local/remote manual/automatic temporary/permanent known/unknown common/rare simple/complex inner/outer
encourage/discourage agree/disagree appear/disappear trust/distrust like/dislike do/undo tie/untie wrap/unwrap
check/uncheck select/deselect archive/unarchive block/unblock pin/unpin freeze/unfreeze grant/revoke confirm/cancel
book/cancel renew/cancel keep/delete keep/discard keep/cancel any/none all/none all/some everyone/nobody why/how
what/why how/when where/when who/when who/where which/how
"""


def _opposed() -> dict[str, frozenset[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for pair in _OPPOSED.split():
        one, other = pair.split("/")
        found[one].add(other)
        found[other].add(one)
    return {word: frozenset(others) for word, others in found.items()}


OPPOSED = _opposed()
"""A word to those that turn a request round where they stand in its place."""


def _by_first(lines: str) -> dict[str, str]:
    """Each word of a line to the line's first."""
    return {word: line.split()[0] for line in lines.strip().splitlines() for word in line.split()}


CALENDAR = _by_first("""
january jan
february feb
march mar
april apr
may
june jun
july jul
august aug
september sep sept
october oct
november nov
december dec
monday mon mondays
tuesday tue tuesdays
wednesday wed wednesdays
thursday thu thursdays
friday fri fridays
saturday sat saturdays
sunday sun sundays
weekend weekends
weekday weekdays
today
tonight
tomorrow
yesterday
morning mornings
noon midday
afternoon afternoons
evening evenings
midnight
night nights
spring
summer
autumn fall
winter
christmas
easter
day days daily
week weeks weekly
month months monthly
quarter quarters quarterly
year years yearly annual annually
hour hours hourly
minute minutes
second seconds
century centuries
decade decades
""")
"""A word for a time to the one that stands for it and its other forms."""

UNITS = _by_first("""
kilometre kilometres kilometer kilometers km
metre metres meter meters m
centimetre centimetres centimeter centimeters cm
millimetre millimetres millimeter millimeters mm
mile miles mi
yard yards yd
foot feet ft
inch inches in
kilogram kilograms kilo kilos kg
gram grams g
milligram milligrams mg
tonne tonnes
ton tons
pound pounds lb lbs
ounce ounces oz
stone
litre litres liter liters l
millilitre millilitres milliliter milliliters ml
gallon gallons gal
cup cups
tablespoon tablespoons tbsp
teaspoon teaspoons tsp
pint pints
quart quarts
celsius centigrade
fahrenheit
kelvin
joule joules
calorie calories kcal
watt watts
kilowatt kilowatts kw
volt volts
byte bytes
kilobyte kilobytes kb
megabyte megabytes mb
gigabyte gigabytes gb
terabyte terabytes tb
bit bits
dollar dollars usd $
euro euros eur €
sterling gbp £
yen jpy
franc francs chf
rupee rupees inr
percent percentage %
acre acres
hectare hectares
knot knots
mph
kph
radian radians
degree degrees
""")
"""A unit to the one that stands for it and its other forms."""

LANGUAGES = frozenset(
    "english german french spanish italian portuguese dutch polish swedish danish norwegian finnish russian ukrainian "
    "czech hungarian greek turkish arabic hebrew hindi urdu bengali chinese mandarin cantonese japanese korean "
    "vietnamese thai latin swahili welsh irish catalan romanian bulgarian croatian serbian python java javascript js "
    "typescript ts rust go golang ruby php perl c c# kotlin swift scala haskell matlab sql bash powershell lua dart "
    "html css r julia fortran cobol excel sheets json yaml csv xml markdown latex postgres postgresql mysql sqlite "
    "mongodb redis oracle windows linux macos mac ubuntu debian android ios iphone ipad chrome firefox safari edge "
    "outlook gmail word numpy pandas react vue angular django flask docker kubernetes git svn aws azure gcp".split()
)
"""Languages, systems and formats of which a request is usually about one."""

ROLES = {
    word: role
    for role, words in {
        "from": "from", "to": "to into", "than": "than", "before": "before", "after": "after", "by": "by",
        "with": "with", "without": "without", "over": "over above", "under": "under below", "for": "for", "in": "in",
        "of": "of", "at": "at", "on": "on", "off": "off", "between": "between", "against": "against",
        "vs": "vs versus", "my": "my", "your": "your", "his": "his", "her": "her", "since": "since", "until": "until",
        "not": "not no", "via": "via through", "instead": "instead",
    }.items()
    for word in words.split()
}  # fmt: skip
"""Words that tell what part the next one plays."""

SKIPPED = frozenset("the a an my your his her our their its this that these those some any all of".split())
"""What may stand between such a word and the one that it is about."""

FILLERS = frozenset(
    "please thanks thank you hi hello hey dear could can would will tell me us i i'd i'm like to know want wanted "
    "wondering was quick short simple question help just kindly answer this that is are am be the a an of for in on at "
    "do does did my your our good morning advance appreciate so ok okay well actually need get got have has it its if "
    "and there here some any how's what's where's who's - : ".split()
)
"""Words that may come or go without another request being made; other figures count those that matter at times."""

LONG = {
    "2fa": "two-factor", "info": "information", "app": "application", "apps": "applications", "tv": "television",
    "photo": "picture", "photos": "pictures", "pic": "picture", "pics": "pictures", "e-mail": "email", "mail": "email",
    "phone": "telephone", "bike": "bicycle", "fridge": "refrigerator", "max": "maximum", "min": "minimum",
    "vs": "versus", "doc": "document", "docs": "documents", "pls": "please", "u": "you", "r": "are", "ur": "your",
    "colour": "color", "centre": "center", "favourite": "favorite", "repo": "repository", "db": "database",
    "config": "configuration", "ad": "advertisement", "exam": "examination", "lab": "laboratory", "gym": "gymnasium",
    "plane": "airplane", "aeroplane": "airplane", "can't": "cannot", "dont": "don't", "wont": "won't",
    "isnt": "isn't", "doesnt": "doesn't",
}  # fmt: skip
"""Short forms and other spellings to long ones."""

ENDINGS = frozenset("s es 's ed d ing er ly".split())
"""What forms of a word may differ in."""
