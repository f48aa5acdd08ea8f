package shop

var french = words{
	titles: [3][]string{
		{"Déçu", "Plus jamais", "À éviter", "Très mauvais", "Quel dommage"},
		{"Bien, mais", "Mitigé", "Peut mieux faire", "Correct sans plus"},
		{"Très satisfaite", "Parfait", "Je rachèterai", "Super", "Je recommande"},
	},
	good: [aspectCount][]string{
		{"La qualité est excellente.", "Fonctionne parfaitement et semble solide.", "Encore plus beau que sur les photos.", "Je l'utilise tous les jours et je l'adore."},
		{"Très bon rapport qualité-prix.", "Moins cher que partout ailleurs."},
		{"Arrivé un jour plus tôt.", "Livraison rapide et à l'heure.", "Le livreur était aimable et ponctuel."},
		{"Emballé avec soin, sans plastique.", "L'emballage était propre et solide."},
		{"Le service client a répondu en une heure.", "On m'a aidé vite et gentiment."},
		{"Le retour a été simple et le remboursement est arrivé en deux jours.", "Changer de taille n'a posé aucun problème."},
		{"Commande passée en deux minutes.", "Le site est clair et rapide."},
	},
	bad: [aspectCount][]string{
		{"Ne marche plus au bout de deux jours.", "Mauvaise qualité, cassé dès la première utilisation.", "Rien à voir avec les photos.", "Arrivé défectueux."},
		{"Beaucoup trop cher pour ce que c'est.", "Le lendemain je l'ai vu à moitié prix."},
		{"Arrivé avec plus d'une semaine de retard.", "Le colis était en retard et personne n'a prévenu.", "Le suivi disait \"livré\" mais il n'y avait rien.", "Le livreur n'a même pas sonné."},
		{"Le carton était écrasé et le contenu abîmé.", "Mal emballé, évidemment c'était rayé."},
		{"Personne ne répond à mes mails.", "J'ai appelé trois fois, personne n'a su m'aider.", "Le service client a été désagréable."},
		{"J'attends toujours mon remboursement.", "Le renvoyer coûte plus cher que l'article."},
		{"Le paiement échouait sans cesse.", "Le site a perdu mon panier deux fois."},
	},
	before: []string{"Toujours pas arrivé, où est ma commande ?", "J'attends encore mon colis.", "Promis pour la semaine dernière et toujours rien."},
	edit:   []string{"Mise à jour :", "Je complète après quelques jours :", "Mise à jour, car on m'a contacté :"},
	replies: [3][]string{
		{"Merci de nous l'avoir dit. Nous regrettons que cela ne se soit pas passé comme prévu.", "Merci pour votre avis, nous l'avons transmis à l'équipe."},
		{"Nous sommes désolés. Nous vous contacterons sous deux jours.", "Cela n'aurait pas dû arriver. Nous allons vous rappeler."},
		{"Comme convenu avec vous, c'est réglé. Merci de votre patience.", "Nous avons trouvé une solution ensemble. Merci."},
	},
	names: []string{"Camille", "Théo", "Élodie", "Hugo", "Chloé", "Maël", "Anaïs", "Loïc", "Manon", "Antoine", "Zoé", "Benoît"},
}
