package shop

var german = words{
	titles: [3][]string{
		{"Enttäuscht", "Nie wieder", "Finger weg", "Leider mangelhaft", "Sehr ärgerlich"},
		{"Gut, aber", "Durchwachsen", "Geht besser", "Ganz okay"},
		{"Sehr zufrieden", "Genau richtig", "Gerne wieder", "Top", "Klare Empfehlung"},
	},
	good: [aspectCount][]string{
		{"Die Qualität ist ausgezeichnet.", "Funktioniert einwandfrei und ist gut verarbeitet.", "Noch schöner als auf den Bildern.", "Ich benutze es jeden Tag und bin begeistert."},
		{"Tolles Preis-Leistungs-Verhältnis.", "Günstiger als überall sonst."},
		{"Kam einen Tag früher als angekündigt.", "Die Lieferung war schnell und pünktlich.", "Der Fahrer war freundlich und pünktlich."},
		{"Sorgfältig verpackt, ganz ohne Plastik.", "Die Verpackung war ordentlich und sicher."},
		{"Der Kundendienst hat innerhalb einer Stunde geantwortet.", "Mir wurde schnell und freundlich geholfen."},
		{"Die Rückgabe war einfach und das Geld nach zwei Tagen da.", "Der Umtausch der Größe war gar kein Problem."},
		{"Die Bestellung war in zwei Minuten erledigt.", "Die Seite ist übersichtlich und schnell."},
	},
	bad: [aspectCount][]string{
		{"Nach zwei Tagen war es kaputt.", "Schlechte Qualität, beim ersten Benutzen gebrochen.", "Sieht überhaupt nicht aus wie auf den Fotos.", "Kam defekt an."},
		{"Viel zu teuer für das, was es ist.", "Einen Tag später gab es das für den halben Preis."},
		{"Kam über eine Woche zu spät.", "Das Paket war verspätet und niemand hat Bescheid gesagt.", "In der Sendungsverfolgung stand \"zugestellt\", aber es war nichts da.", "Der Bote hat nicht einmal geklingelt."},
		{"Der Karton war zerdrückt und der Inhalt beschädigt.", "Schlecht verpackt, natürlich war es verkratzt."},
		{"Auf meine E-Mails antwortet niemand.", "Ich habe dreimal angerufen, keiner konnte helfen.", "Der Kundendienst war unfreundlich."},
		{"Ich warte immer noch auf mein Geld.", "Die Rücksendung kostet mehr, als es wert ist."},
		{"Die Bezahlung ist ständig fehlgeschlagen.", "Die Seite hat zweimal meinen Warenkorb verloren."},
	},
	before: []string{"Immer noch nicht da, wo ist meine Bestellung?", "Ich warte noch immer auf mein Paket.", "Für letzte Woche versprochen, und bis heute nichts."},
	edit:   []string{"Nachtrag:", "Ergänzung nach ein paar Tagen:", "Update, weil man sich gemeldet hat:"},
	replies: [3][]string{
		{"Danke für die Rückmeldung. Es tut uns leid, dass es nicht so lief, wie es sollte.", "Vielen Dank, wir haben das an das Team weitergegeben."},
		{"Das tut uns sehr leid. Wir melden uns innerhalb von zwei Tagen.", "Das hätte nicht passieren dürfen. Wir rufen Sie zurück."},
		{"Wie mit Ihnen besprochen ist das nun erledigt. Danke für Ihre Geduld.", "Wir haben gemeinsam eine Lösung gefunden. Vielen Dank."},
	},
	names: []string{"Anna", "Jürgen", "Katrin", "Lukas", "Mareike", "Stefan", "Sören", "Bärbel", "Jonas", "Petra", "Uwe", "Clara"},
}
