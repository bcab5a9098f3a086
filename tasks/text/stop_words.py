"""Frequent words of languages: they say nothing of what a text is about, and tell its language."""

STOP_WORDS = frozenset(
    "a about after again all am an and any are as at be because been before being between both but by can "
    "could did do does doing down during each few for from further had has have having he her here hers him "
    "his how i if in into is it its itself just me more most my no nor not now of off on once only or other "
    "our ours out over own s same she should so some such t than that the their theirs them then there these "
    "they this those through to too under until up very was we were what when where which while who whom why "
    "will with would you your yours".split()
)
"""Of English: left out of searches by words."""
_MORE = {
    "english": "above also below herein hereof hereto hereunder may must per shall thereof upon us "
    "within without",
    "german": "aber alle als also am an auch auf aus bei bin bis das da dass dem den der des die dies diese "
    "dieser dieses doch du durch ein eine einem einen einer eines er es für hat haben hatte ich "
    "ihr ihre im in ist ja kann kein keine man mit nach nicht noch nur oder ohne sein seine sich "
    "sie sind so soll über um und uns unter vom von vor war waren was wenn werden wie wir wird "
    "wurde wurden zu zum zur",
    "french": "a afin ai au aux avec avoir car ce ceci cela ces cet cette comme dans de des donc dont du "
    "elle elles en est et eu fait il ils je l la le les leur leurs lui mais me même mes moi mon "
    "ne nos notre nous on ont ou par pas plus pour qu que qui sa sans se ses si son sont sur ta "
    "tes toi ton tous tout très tu un une vos votre vous à été être",
    "spanish": "a al algo como con cual cuando de del desde donde el ella ellas ellos en entre era es esa "
    "ese eso esta este esto fue ha han hasta hay la las le les lo los mas me mi muy más ni no nos "
    "o otra otro para pero por porque que qué se ser si sin sobre son su sus sí también te tiene "
    "todo todos un una uno y ya",
    "italian": "a ad ai al alla alle anche che chi ci come con cui da dal dalla dei del della delle di e ed "
    "era gli ha hanno i il in io la le lo loro ma mi nei nel nella non o per più quando quella "
    "questo se si sono su sua sul sulla suo tra un una uno è",
    "portuguese": "a ao aos as até com como da das de depois do dos e ela ele em entre era essa esse está eu "
    "foi há isso já mais mas me mesmo na nas nem no nos não o os ou para pela pelo por qual "
    "quando que se sem ser seu só sua são também tem um uma é à",
    "dutch": "aan af al als bij dan dat de der deze die dit door een en er geen had hebben heeft het hij "
    "hoe hun ik in is je kan maar meer met na naar niet nog of om onder ook op over te tot uit "
    "van veel voor was wat we wel werd worden wordt zal ze zich zij zijn zo",
    "swedish": "alla att av bara de den denna det detta dig din du där efter eller en ett för från ha han "
    "har hon hur i inte jag kan med men men mot ned ni när nu och om oss på sig sin ska som så "
    "till under ut var vi vid är över",
    "russian": "а без бы был была были в во все вы для до его ее если же за и из или им их к как ко ли мы на "
    "не но о об он она они от по при с со так то у что это я "
    "где когда кто кого кому кем чей какой какая какое какие каков какова сколько почему зачем куда "
    "откуда",
    "danish": "og at det som en på er af for med den til ikke har et om der de i kan fra var blev han hun",
    "norwegian": "og å det som en på er av for med den til ikke har et om jeg de i kan fra var ble han hun",
    "turkish": "ve bir bu için ile de da olarak daha çok gibi olan ne",
    "polish": "i w na z że do nie się jest to o jak przez od oraz",
    "romanian": "și în de la cu pe nu este care din un o pentru sunt",
    "indonesian": "yang dan di untuk dengan dari pada adalah tidak ini itu dalam",
    "finnish": "ja on ei se että oli hän joka mutta ovat myös kun tai niin ole sen tämä olla siitä "
    "kuka mikä missä",
    "hungarian": "a az és hogy nem is egy van volt ez meg csak már mint de ki mi azt kell vagy hol mikor",
    "czech": "a se v na je že to s z do o k ve pro jsou za by jako ale podle kdo co kde kdy který jeho",
    "ukrainian": "і в на що не з до та у за як це від його про або який були був де хто коли для",
    "vietnamese": "và của là có trong được cho không một các người với này đã ở ai gì",
    "greek": "ο η το οι τα του της των τον την τους τις στο στη στην στον στις στους και να με σε για "
    "από που θα είναι ήταν δεν ως ή αν ότι κατά προς μας σας μου ποιος ποια ποιο ποιοι τι πού πότε "
    "πόσο πόσα γιατί πώς ένα ένας μια έναν μετά πριν",
    "arabic": "في من على إلى عن أن إن لا ما هو هي هذا هذه ذلك تلك التي الذي كان كانت قد لم لن بعد قبل "
    "مع أو ثم كل بين عند حتى إذا كما هل أين متى كيف كم لماذا ماذا أي و",
    "persian": "و در به از که این را با است برای آن یک خود تا بر هم نیز شد می بود ها های کرد شود چه "
    "کجا چرا کی",
    "urdu": "کے کی میں ہے کا سے اور کو نے پر یہ ہیں وہ کہ بھی تھا تھی اس جو ایک کیا کون کہاں کب کیوں",
    "hebrew": "של את על הוא היא הם זה זו לא כי גם אם או עם כל יש אין היה היתה הייתה אל אבל רק עד כמו "
    "בין אחרי לפני מי מה איפה היכן מתי כמה איך מדוע למה האם",
    "hindi": "के का की में है और से को पर यह एक ने कि था थे थी वह हैं भी लिए या जो तो इस उस हो कर नहीं "
    "किया गया करते करता करती करना करने करें क्या कौन कहाँ कब कितने कितना क्यों कैसे किस किसके पास",
}
BY_LANGUAGE = {name: frozenset(words.split()) for name, words in _MORE.items()}
BY_LANGUAGE["english"] |= STOP_WORDS
"""By language, as snowball calls it; of English with those of contracts."""

PARTICLES = frozenset(
    "的了是在和与與及或吗嗎呢么麼什哪谁誰何多少几幾其之于於我你他她它们們这這那有为為被把着著过"
    "過也のはがをにでともかへや"
)
"""Characters of Chinese and Japanese that say nothing of what a text is about."""
PAIRS = frozenset(
    (
        "ある いく いつ いま いる から くら こと これ さん した して しま すか する せん それ だれ てい でし "
        "れて って いて です どう どこ どれ ない なぜ まし ます ませ まで ょう らい られ れた れる "
        "까요 누구 니까 니다 무엇 "
        "습니 있습 었습 했습 졌습 됩니 어디 언제 얼마 에서 이다 입니 있는 있다 하는 합니 "
        "에 은 는 이 가 을 를 의 도 로 와 과 만"
    ).split()
)
"""Pairs of characters, likewise, of Japanese and Korean."""
