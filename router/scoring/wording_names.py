"""Words whose capital says nothing: names, and abbreviations, that are no ordinary word in small letters.

Everywhere else within a sentence a capital may be the whole difference (Polish and polish, Visa and visa, CO and Co, a
Java ``List`` and a list), so it is kept. Left out on purpose are names that are also words: China, Turkey, March, May,
Nice, Amazon, Java, Rust, Tesla.
"""

from __future__ import annotations

_COUNTRIES = """
    afghanistan albania algeria america angola argentina armenia australia austria azerbaijan bahrain bangladesh
    belarus belgium bolivia bosnia botswana brazil britain bulgaria burma cambodia cameroon canada colombia congo
    croatia cuba cyprus denmark ecuador egypt england eritrea estonia ethiopia fiji finland france gabon gambia
    germany ghana greece guatemala haiti honduras hungary iceland india indonesia iran iraq ireland israel italy
    jamaica japan kazakhstan kenya korea kosovo kuwait laos latvia lebanon liberia libya lithuania luxembourg
    madagascar malawi malaysia mexico moldova monaco mongolia morocco mozambique myanmar namibia nepal netherlands
    nicaragua nigeria norway oman pakistan palestine panama paraguay peru philippines poland portugal qatar romania
    russia rwanda scotland senegal serbia singapore slovakia slovenia somalia spain sudan sweden switzerland syria
    taiwan tanzania thailand tunisia uganda ukraine uruguay uzbekistan venezuela vietnam wales yemen zambia zimbabwe
    africa asia europe antarctica california florida texas alaska hawaii arizona colorado nevada oregon utah virginia
    michigan ohio kansas usa uk eu uae nyc
"""
_CITIES = """
    amsterdam ankara athens atlanta baghdad bangkok barcelona beijing beirut belgrade berlin bogota boston brussels
    bucharest budapest cairo canberra chicago copenhagen dallas delhi denver detroit dhaka dresden dubai dublin
    edinburgh florence frankfurt geneva glasgow hamburg hanoi havana helsinki houston istanbul jakarta jerusalem
    johannesburg kabul karachi kathmandu kyiv kyoto lagos lisbon liverpool london madrid manchester manila melbourne
    miami milan montreal moscow mumbai munich nairobi naples osaka oslo ottawa oxford paris philadelphia prague
    reykjavik rome rotterdam santiago sarajevo seattle seoul shanghai stockholm sydney taipei tallinn tehran tokyo
    toronto vancouver venice vienna vilnius warsaw washington wellington zagreb zurich
"""
_PEOPLES = """
    african american arabic argentinian asian australian austrian belgian brazilian british bulgarian canadian
    colombian croatian cuban danish dutch egyptian english ethiopian european finnish french german greek hebrew hindi
    hungarian indian indonesian iranian irish israeli italian japanese korean latin mandarin mexican nigerian
    norwegian pakistani persian peruvian portuguese romanian russian scottish serbian spanish swedish thai turkish
    ukrainian vietnamese welsh
"""
_CALENDAR = """
    monday tuesday wednesday thursday friday saturday sunday january february april june july september october
    november december christmas halloween hanukkah ramadan diwali
"""
_PEOPLE = """
    aristotle beethoven churchill columbus copernicus cleopatra darwin descartes einstein galileo gandhi hitler homer
    kepler leonardo mozart napoleon obama picasso plato shakespeare socrates stalin vermeer tolstoy dickens austen
    orwell alice anna david emma george james john maria mary michael paul peter robert sarah thomas william
"""
_PLACES_AND_THINGS = """
    everest kilimanjaro baikal sahara himalayas andes atlantic mediterranean danube nile thames venus jupiter saturn
    uranus neptune pluto eiffel titanic olympics bitcoin ethereum internet google youtube facebook instagram whatsapp
    netflix spotify microsoft iphone ipad android wikipedia linux ubuntu macos
"""
_COMPUTING = """
    python javascript typescript kotlin php haskell golang sql mysql postgresql postgres sqlite mongodb kubernetes
    django numpy github gitlab html css json xml yaml csv pdf url http https api cpu gpu usb faq dna rna nasa nato gdp
"""

PLAIN_NAMES = frozenset(
    f"{_COUNTRIES} {_CITIES} {_PEOPLES} {_CALENDAR} {_PEOPLE} {_PLACES_AND_THINGS} {_COMPUTING}".split()
)
"""In small letters."""
