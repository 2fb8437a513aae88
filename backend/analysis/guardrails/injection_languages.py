"""The classic phrases of a prompt injection in other languages than English, by kind.

Read on text whose letters stand as they were written (`injection.unescaped`): where Cyrillic look-alikes are
made Latin, no Russian is left. As in English, a phrase takes a verb that gives an order and what it is about.
"""
# ruff: noqa: RUF001 - other alphabets are what this file is for

from backend.analysis.guardrails.injection_phrases import Phrases

_G = r"[^.!?\n。！？؟]{0,40}?"
_W = r"\w{0,8}"

PHRASES: dict[str, tuple[str, ...]] = {
    "override": (
        # German, Dutch
        rf"\b(?:ignorier{_W}|vergiss|vergessen sie|missachte{_W}|befolge(?:n sie)? nicht"
        rf"|setze{_W} dich über){_G}"
        rf"\b(?:anweisung|instruktion|vorgabe|regel|befehl|richtlinie|prompt|vorherig|bisherig){_W}",
        rf"\b(?:negeer|vergeet|sla geen acht op){_G}\b(?:instructies?|opdrachten|regels|aanwijzingen"
        rf"|voorgaande)\b",
        # French, Spanish, Portuguese, Italian
        rf"\b(?:ignor(?:e|es|ez|er)|oubli(?:e|es|ez|er)|ne (?:tiens|tenez) pas compte|ne (?:suis"
        rf"|suivez) pas){_G}"
        r"\b(?:instructions|consignes|règles|ordres|directives) ?(?:précédent|antérieur|ci-dessus"
        r"|du système|reçu|initial)?",
        rf"\b(?:ignor(?:a|e|ad|en|ar)|olvid(?:a|e|ad|en|ar)|haz caso omiso|desobedece|no sigas|omite){_G}"
        r"\b(?:instrucciones|órdenes|ordenes|reglas|indicaciones|directrices)\b",
        rf"\b(?:ignor(?:e|a|em|ar)|esque(?:ça|ce|çam|cer)|desconsidere|não siga){_G}"
        r"\b(?:instruções|instrucoes|ordens|regras|diretrizes|orientações)\b",
        rf"\b(?:ignor(?:a|ate|i|are)|dimentic(?:a|ate|hi|are)|trascura|non seguire){_G}"
        r"\b(?:istruzioni|ordini|regole|direttive|indicazioni)\b",
        # Polish, Russian, Ukrainian, Turkish
        rf"\b(?:zignoruj|ignoruj|zapomnij|pomiń)(?:cie)?{_G}\b(?:instrukcj|polece|zasad|reguł|wytyczn){_W}",
        rf"\b(?:(?:про)?игнорируй|забудь|не следуй|отбрось|не выполняй)(?:те)?{_G}"
        rf"\b(?:инструкци|указани|правил|команд|промпт|предыдущ){_W}",
        rf"\b(?:(?:про)?ігноруй|забудь|не виконуй)(?:те)?{_G}\b(?:інструкці|вказівк|правил|попередн){_W}",
        rf"\b(?:önceki|yukarıdaki|tüm|bütün|eski){_G}\b(?:talimat|yönerge|kural|komut|emir|istem){_W}{_G}"
        r"(?:yok ?say|görmezden gel|unut|dikkate alma|boş ?ver|geçersiz)",
        # Chinese, Japanese, Korean
        r"(?:忽略|忽視|无视|無視|忘记|忘記|忘掉|不要理会|不要遵守|不要遵循)[^。！？\n]{0,16}(?:指令|指示|提示|规则|規則|说明|說明|命令|设定|設定)",
        r"(?:これまで|今まで|以前|上記|上|前|先|すべて|全て|全部)の?[^。！？\n]{0,16}(?:指示|命令|ルール|プロンプト|規則|指令)"
        r"[^。！？\n]{0,8}(?:無視|忘れ|従わない|破棄)",
        r"(?:이전|위의?|앞선?|모든|기존|지금까지)[^.!?\n]{0,16}(?:지시|명령|지침|규칙|프롬프트|설정)[^.!?\n]{0,10}(?:무시|잊|따르지)",
        # Arabic, Persian, Hindi
        rf"(?:تجاهل|انس|انسى|لا تتبع|أهمل){_G}(?:التعليمات|تعليمات|الأوامر|القواعد|التوجيهات|السابقة)",
        rf"(?:دستور|دستورات|دستورالعمل|قوانین){_G}(?:قبلی|پیشین|بالا){_G}(?:نادیده|فراموش)",
        rf"(?:पिछले|पूर्व|सभी|ऊपर){_G}(?:निर्देश|आदेश|नियम){_G}(?:अनदेखा|नज़रअंदाज|भूल)",
    ),
    "role": (
        r"\bdu bist (?:jetzt|nun|ab (?:jetzt|sofort)|nicht mehr) (?:ein|eine|der|die|kein)\b",
        r"\b(?:tu es|vous êtes) (?:maintenant|désormais|à présent) (?:un|une|le|la)\b",
        r"\b(?:ahora eres|eres ahora|a partir de ahora eres) (?:un|una|el|la)\b",
        r"\b(?:agora (?:você|voce|tu) (?:é|e|és)|a partir de agora (?:você|tu) (?:é|és)) (?:um|uma|o|a)\b",
        r"\b(?:ora|adesso|d'ora in poi) sei (?:un|una|il|la|l')",
        r"\b(?:теперь ты|ты теперь|отныне ты|с этого момента ты)\b",
        r"\b(?:artık sen|sen artık|bundan sonra sen|artık bir)\b",
        r"(?:你现在是|你現在是|从现在(?:起|开始)你|從現在(?:起|開始)你|请扮演|請扮演)",
        r"(?:あなたは今(?:から|や)|今からあなたは|これからあなたは)",
        r"(?:당신은 (?:이제|지금부터)|너는 (?:이제|지금부터)|이제부터 (?:당신|너)은?)",
        r"(?:أنت الآن|من الآن فصاعدا|تصرف كأنك)",
    ),
    "verdict": (
        rf"\b(?:stufe|klassifiziere?|markiere?|bewerte?|behandle|melde|schließe?|kennzeichne){_W}\b{_G}"
        rf"\b(?:als|mit)\b{_G}\b(?:harmlos|gutartig|falsch[- ]?positiv|fehlalarm|unbedenklich"
        rf"|ungefährlich|benign){_W}",
        r"\bdies(?:er|e|es) (?:alarm|vorfall|meldung|ereignis|warnung) ist (?:ein |eine )?(?:fehlalarm"
        r"|harmlos|geprüft"
        r"|freigegeben|genehmigt|unbedenklich)",
        rf"\b(?:marqu|class|classifi|ferm|clôtur|trait|consid[éè]r|signal|répond){_W}{_G}\b(?:comme"
        rf"|en tant que|par)\b{_G}"
        r"\b(?:b[ée]nin|faux[- ]positif|inoffensi|l[ée]gitime|sans danger)",
        rf"\b(?:marc|marqu|clasif|cierr|trat|consider|report|respond|etiquet){_W}{_G}\b(?:como|con)\b{_G}"
        r"\b(?:benign|falso positivo|inofensiv|inocu|leg[ií]tim)",
        rf"\b(?:marqu|classifi|fech|trat|consider|relat|respond){_W}{_G}\b(?:como|com)\b{_G}"
        r"\b(?:benign|falso positivo|inofensiv|leg[ií]tim)",
        rf"\b(?:segn|classific|contrassegn|chiud|tratt|consider|rispond){_W}{_G}\b(?:come|con)\b{_G}"
        r"\b(?:benign|falso positivo|innocu|legittim)",
        rf"\b(?:oznacz|zaklasyfikuj|zamknij|potraktuj){_W}{_G}\bjako\b{_G}\b(?:niegroźn|fałszyw"
        rf"|nieszkodliw|łagodn)",
        rf"\b(?:пометь|отметь|классифицируй|считай|закрой|оцени|отнеси){_W}{_G}"
        rf"\b(?:ложн|безопасн|безвредн|доброкачествен|безобидн){_W}",
        r"\b(?:zararsız|yanlış (?:pozitif|alarm)|iyi huylu|güvenli|tehlikesiz) olarak "
        r"(?:işaretle|sınıflandır|değerlendir|bildir|kapat)",
        r"(?:标记|標記|归类|歸類|分类|分類|判定|视|視|标注|標註|认定|認定)(?:为|為|成)?[^。！？\n]{0,6}"
        r"(?:良性|误报|誤報|无害|無害|安全|正常|假阳性)",
        r"(?:誤検知|良性|無害|問題なし|安全|正常)(?:だ|である)?(?:と|として|に)[^。！？\n]{0,6}(?:分類|判定|報告|マーク|回答|処理|クローズ)",
        r"(?:오탐|정상|무해|양성|안전)[^.!?\n]{0,6}(?:으로|로) ?(?:분류|표시|판정|처리|보고|종료)",
        rf"(?:صنف|صنّف|اعتبر|ضع علامة|أغلق|ضعه){_G}(?:حميد|إنذار كاذب|إيجابي كاذب|آمن|غير ضار)",
    ),
    "secrecy": (
        rf"\b(?:verrate|nenne|zeige|gib|wiederhole|drucke){_W}{_G}\b(?:system-?prompt|systemanweisung"
        rf"|deine (?:anweisung|regel)"
        rf"|eure anweisung){_W}",
        r"\b(?:erwähne|melde|sage|berichte|informiere) (?:dies|das|es|davon|den vorfall"
        r"|diesen)[^.!?\n]{0,30}"
        r"\b(?:nicht|niemandem|keinem)\b",
        rf"\b(?:révèle|montre|affiche|répète|donne){_W}{_G}\b(?:prompt système|instructions système"
        rf"|tes instructions"
        r"|vos instructions)",
        rf"\b(?:revela|muestra|repite|imprime|dime){_W}{_G}\b(?:prompt del sistema"
        rf"|instrucciones del sistema|tus instrucciones)",
        rf"\b(?:revele|mostre|repita|imprima|diga){_W}{_G}\b(?:prompt do sistema|instruções do sistema"
        rf"|suas instruções)",
        rf"\b(?:rivela|mostra|ripeti|stampa){_W}{_G}\b(?:prompt di sistema|istruzioni di sistema"
        rf"|tue istruzioni)",
        rf"\b(?:покажи|раскрой|выведи|повтори|назови){_W}{_G}\b(?:системн{_W} (?:промпт|инструкц"
        rf"|подсказк)|свои инструкции)",
        rf"\bsistem (?:istem|prompt|talimat){_W}{_G}\b(?:göster|yaz|açıkla|tekrarla)",
        r"(?:显示|顯示|输出|輸出|重复|重複|透露|泄露|告诉我|告訴我)[^。！？\n]{0,8}(?:系统|系統)(?:提示|指令|提示词|提示詞)",
        r"システム ?プロンプト[^。！？\n]{0,6}(?:表示|出力|教え|見せ|開示)",
        r"시스템 ?프롬프트[^.!?\n]{0,6}(?:출력|보여|알려|공개)",
        r"(?:不要|别|別|请勿|請勿)(?:提及|告诉|告訴|报告|報告|上报|通知)(?:任何人|分析|用户|用戶|管理|安全)",
        rf"(?:اكشف|اعرض|أظهر){_G}(?:موجه النظام|تعليمات النظام)",
    ),
    "command": (
        r"\b(?:antworte|schreibe|gib|sage)(?:n sie)? (?:nur|ausschließlich|genau|lediglich) (?:mit"
        r"|das wort|folgend)",
        r"\b(?:réponds|répondez|écris|écrivez) (?:uniquement|seulement|exactement|simplement) (?:par|avec"
        r"|le mot)",
        r"\b(?:responde|contesta|escribe) (?:solo|sólo|solamente|únicamente|exactamente) (?:con|la palabra)",
        r"\b(?:responda|escreva) (?:apenas|somente|exatamente) (?:com|a palavra)",
        r"\b(?:rispondi|scrivi) (?:solo|soltanto|esattamente|unicamente) (?:con|la parola)",
        r"\b(?:ответь|отвечай|напиши|выведи)(?:те)? (?:только|лишь|ровно|исключительно)\b",
        r"\b(?:sadece|yalnızca) [^.!?\n]{1,40}(?:diye|ile|kelimesiyle) (?:cevap|yanıt)",
        r"(?:只|仅|僅)(?:需|要|能|可以)?(?:回复|回覆|回答|输出|輸出)[^。！？\n]{0,4}[\"'“「『:：]",
        r"[」』\"”](?:とだけ|のみ)(?:回答|返答|出力|答え)",
        r"(?:라고만|만) (?:답|대답|출력|응답)",
    ),
}

FOREIGN = Phrases(PHRASES)
"""Phrases by kind."""
